//! The parser: tokens of one part to a syntax tree.
//!
//! The grammar is SpEL's, with its quirks: relations and `^` do not chain, `=` and `?` bind loosest, a comma may end
//! an argument list. Nesting is limited to [`MAX_DEPTH`], so no input can exhaust the stack.

use super::ast::{Kind, Node, Relation, Strict, Unary};
use super::token::{Kind as T, Token, tokenize};
use crate::error::ParseFailure;

/// How deep parts of an expression may nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many characters one part may have.
pub(crate) const MAX_LENGTH: usize = 10_000;

// Boxed on both sides: these functions call each other once per level of nesting, so their frames have to be small.
pub(super) type Parsed<T> = Result<T, Box<ParseFailure>>;
pub(super) type Tree = Box<Node>;

/// Parses the text of one part.
pub(crate) fn parse(source: &str) -> Result<Node, ParseFailure> {
    whole(source).map(|tree| *tree).map_err(|failure| *failure)
}

fn whole(source: &str) -> Parsed<Tree> {
    if source.encode_utf16().count() > MAX_LENGTH {
        return Err(Box::new(ParseFailure::evaluation(
            1079,
            "SpEL expression is too long, exceeding the threshold of '10,000' characters".into(),
        )));
    }
    let mut parser = Parser {
        source,
        tokens: tokenize(source).map_err(Box::new)?,
        next: 0,
        depth: 0,
    };
    let Some(node) = parser.expression()? else {
        return Err(parser.out_of_input(0));
    };
    match parser.peek() {
        None => Ok(node),
        Some(token) => {
            let shown = shown(token);
            let start = token.start;
            Err(parser.fail(
                start,
                1041,
                &format!(
                    "After parsing a valid expression, there is still more data in the expression: '{shown}'"
                ),
            ))
        }
    }
}

pub(super) fn missing(position: usize) -> Box<ParseFailure> {
    Box::new(ParseFailure::missing_operand(position))
}

pub(super) fn shown(token: &Token) -> String {
    if token.text.is_empty() {
        token.kind.name().to_owned()
    } else {
        token.text.clone()
    }
}

pub(super) struct Parser<'t> {
    pub(super) source: &'t str,
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    depth: usize,
}

pub(super) fn node(kind: Kind, start: usize) -> Tree {
    Box::new(Node {
        kind,
        start: start as u32,
    })
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    pub(super) fn at(&self, kind: T) -> bool {
        self.peek().is_some_and(|token| token.kind == kind)
    }

    /// A name, or a textual operator used as one.
    pub(super) fn at_name(&self) -> bool {
        self.peek().is_some_and(|token| {
            token.kind == T::Identifier || (token.kind.has_word() && !token.text.is_empty())
        })
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| {
            token.kind == T::Identifier && token.text.eq_ignore_ascii_case(word)
        })
    }

    pub(super) fn take(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        self.next += 1;
        token
    }

    pub(super) fn skip(&mut self, kind: T) -> bool {
        let found = self.at(kind);
        if found {
            self.next += 1;
        }
        found
    }

    pub(super) fn expect(&mut self, kind: T) -> Parsed<Token> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.out_of_input(self.source.chars().count()));
        };
        self.next += 1;
        if token.kind == kind {
            return Ok(token);
        }
        Err(self.fail(
            token.start,
            1043,
            &format!(
                "Unexpected token. Expected '{}' but was '{}'",
                kind.name(),
                token.kind.name()
            ),
        ))
    }

    pub(super) fn fail(&self, position: usize, code: u16, message: &str) -> Box<ParseFailure> {
        Box::new(ParseFailure::spel(self.source, position, code, message))
    }

    pub(super) fn out_of_input(&self, position: usize) -> Box<ParseFailure> {
        self.fail(position, 1044, "Unexpectedly ran out of input")
    }

    pub(super) fn position(&self) -> usize {
        self.peek()
            .map_or_else(|| self.source.chars().count(), |token| token.start)
    }

    pub(super) fn required(&mut self) -> Parsed<Tree> {
        let position = self.position();
        self.expression()?.ok_or_else(|| missing(position))
    }

    fn deeper<R>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<R>) -> Parsed<R> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fail(
                self.position(),
                1087,
                &format!("SpEL expression nesting depth exceeds the threshold of {MAX_DEPTH}"),
            ));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    pub(super) fn expression(&mut self) -> Parsed<Option<Tree>> {
        self.deeper(Self::loosest)
    }

    fn loosest(&mut self) -> Parsed<Option<Tree>> {
        let left = self.or()?;
        let Some(token) = self.peek() else {
            return Ok(left);
        };
        let start = token.start;
        let null = || node(Kind::Null, start.saturating_sub(1));
        match token.kind {
            T::Assign => {
                self.next += 1;
                let position = self.position();
                let value = self.or()?.ok_or_else(|| missing(position))?;
                let target = left.unwrap_or_else(null);
                Ok(Some(node(Kind::Assign(target, value), start)))
            }
            T::Elvis => {
                self.next += 1;
                let other = self
                    .expression()?
                    .unwrap_or_else(|| node(Kind::Null, start + 1));
                let left = left.unwrap_or_else(null);
                Ok(Some(node(Kind::Elvis(left, other), start)))
            }
            T::QMark => {
                self.next += 1;
                let position = self.position();
                let then = self.expression()?;
                self.expect(T::Colon)?;
                let otherwise = self.expression()?;
                let (Some(then), Some(otherwise)) = (then, otherwise) else {
                    return Err(missing(position));
                };
                let condition = left.unwrap_or_else(null);
                Ok(Some(node(Kind::Ternary(condition, then, otherwise), start)))
            }
            _ => Ok(left),
        }
    }

    fn operand(&self, operator: usize, left: bool, operand: Option<Tree>) -> Parsed<Tree> {
        operand.ok_or_else(|| {
            if left {
                self.fail(operator, 1070, "Problem parsing left operand")
            } else {
                self.fail(operator, 1042, "Problem parsing right operand")
            }
        })
    }

    fn or(&mut self) -> Parsed<Option<Tree>> {
        let mut found = self.and()?;
        let mut items = Vec::new();
        while self.at_word("or") || self.at(T::SymbolicOr) {
            let operator = self.take().start;
            let right = self.and()?;
            items.push(*self.operand(operator, true, found.take())?);
            found = Some(self.operand(operator, false, right)?);
        }
        Ok(join(items, found, Kind::Or))
    }

    fn and(&mut self) -> Parsed<Option<Tree>> {
        let mut found = self.relation()?;
        let mut items = Vec::new();
        while self.at_word("and") || self.at(T::SymbolicAnd) {
            let operator = self.take().start;
            let right = self.relation()?;
            items.push(*self.operand(operator, true, found.take())?);
            found = Some(self.operand(operator, false, right)?);
        }
        Ok(join(items, found, Kind::And))
    }

    fn relation(&mut self) -> Parsed<Option<Tree>> {
        enum Op {
            Strict(Strict),
            Relation(Relation),
        }
        let left = self.sum()?;
        let Some(token) = self.peek() else {
            return Ok(left);
        };
        let op = match token.kind {
            T::Eq => Op::Strict(Strict::Eq),
            T::Ne => Op::Strict(Strict::Ne),
            T::Lt => Op::Strict(Strict::Lt),
            T::Le => Op::Strict(Strict::Le),
            T::Gt => Op::Strict(Strict::Gt),
            T::Ge => Op::Strict(Strict::Ge),
            T::Identifier if token.text.eq_ignore_ascii_case("instanceof") => {
                Op::Relation(Relation::Instanceof)
            }
            T::Identifier if token.text.eq_ignore_ascii_case("matches") => {
                Op::Relation(Relation::Matches)
            }
            T::Identifier if token.text.eq_ignore_ascii_case("between") => {
                Op::Relation(Relation::Between)
            }
            _ => return Ok(left),
        };
        let operator = self.take().start;
        let right = self.sum()?;
        let left = self.operand(operator, true, left)?;
        let right = self.operand(operator, false, right)?;
        let kind = match op {
            Op::Strict(strict) => Kind::Chain {
                first: left,
                rest: vec![(strict, operator as u32, *right)],
            },
            Op::Relation(op) => Kind::Relation { op, left, right },
        };
        Ok(Some(node(kind, operator)))
    }

    fn sum(&mut self) -> Parsed<Option<Tree>> {
        let first = self.product()?;
        let mut rest = Vec::new();
        loop {
            let op = match self.peek().map(|token| token.kind) {
                Some(T::Plus) => Some(Strict::Add),
                Some(T::Minus) => Some(Strict::Subtract),
                // SpEL reads `a ++ b` as a sum and forgets the right side.
                Some(T::Inc) => None,
                _ => break,
            };
            let operator = self.take().start;
            let right = self.product()?;
            let right = self.operand(operator, false, right)?;
            if let Some(op) = op {
                rest.push((op, operator as u32, *right));
            }
        }
        Ok(chain(first, rest))
    }

    fn product(&mut self) -> Parsed<Option<Tree>> {
        let mut first = self.power()?;
        let mut rest = Vec::new();
        loop {
            let op = match self.peek().map(|token| token.kind) {
                Some(T::Star) => Strict::Multiply,
                Some(T::Div) => Strict::Divide,
                Some(T::Mod) => Strict::Modulus,
                _ => break,
            };
            let operator = self.take().start;
            let right = self.power()?;
            first = Some(self.operand(operator, true, first)?);
            rest.push((op, operator as u32, *self.operand(operator, false, right)?));
        }
        Ok(chain(first, rest))
    }

    fn power(&mut self) -> Parsed<Option<Tree>> {
        let left = self.unary()?;
        if self.at(T::Power) {
            let operator = self.take().start;
            let right = self.unary()?;
            let right = self.operand(operator, false, right)?;
            let left = left.ok_or_else(|| missing(operator))?;
            return Ok(chain(
                Some(left),
                vec![(Strict::Power, operator as u32, *right)],
            ));
        }
        match left {
            Some(target) if self.at(T::Inc) || self.at(T::Dec) => {
                let token = self.take();
                Ok(Some(node(
                    Kind::Step {
                        by: if token.kind == T::Inc { 1 } else { -1 },
                        prefix: false,
                        target,
                    },
                    token.start,
                )))
            }
            left => Ok(left),
        }
    }

    fn unary(&mut self) -> Parsed<Option<Tree>> {
        let op = match self.peek().map(|token| token.kind) {
            Some(T::Not) => Unary::Not,
            Some(T::Plus) => Unary::Plus,
            Some(T::Minus) => Unary::Minus,
            Some(T::Inc | T::Dec) => {
                let token = self.take();
                let target = self.deeper(Self::unary)?;
                let target = target.ok_or_else(|| missing(token.end))?;
                return Ok(Some(node(
                    Kind::Step {
                        by: if token.kind == T::Inc { 1 } else { -1 },
                        prefix: true,
                        target,
                    },
                    token.start,
                )));
            }
            _ => return self.primary(),
        };
        let operator = self.take().start;
        let operand = self
            .deeper(Self::unary)?
            .ok_or_else(|| self.out_of_input(operator))?;
        Ok(Some(node(Kind::Unary { op, operand }, operator)))
    }
}

fn join(mut items: Vec<Node>, last: Option<Tree>, kind: fn(Vec<Node>) -> Kind) -> Option<Tree> {
    if items.is_empty() {
        return last;
    }
    items.extend(last.map(|tree| *tree));
    let start = items[0].start as usize;
    Some(node(kind(items), start))
}

fn chain(first: Option<Tree>, rest: Vec<(Strict, u32, Node)>) -> Option<Tree> {
    let first = first?;
    if rest.is_empty() {
        return Some(first);
    }
    let start = rest[0].1 as usize;
    Some(node(Kind::Chain { first, rest }, start))
}
