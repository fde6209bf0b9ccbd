//! The parser: tokens of one part to a syntax tree.
//!
//! The grammar is SpEL's, with its quirks: relations and `^` do not chain, `=` and `?` bind loosest, a comma may end
//! an argument list. Nesting is limited to [`MAX_DEPTH`], so no input can exhaust the stack.

use std::sync::Arc;

use super::ast::{Kind, Node, Relation, Strict, Unary, Which};
use super::literal::{bad_real, integer, long, real, unquoted};
use super::token::{Kind as T, Token, tokenize};
use crate::error::ParseFailure;

/// How deep parts of an expression may nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many characters one part may have.
pub(crate) const MAX_LENGTH: usize = 10_000;

// Boxed on both sides: these functions call each other once per level of nesting, so their frames have to be small.
type Parsed<T> = Result<T, Box<ParseFailure>>;
type Tree = Box<Node>;

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

fn missing(position: usize) -> Box<ParseFailure> {
    Box::new(ParseFailure::missing_operand(position))
}

fn shown(token: &Token) -> String {
    if token.text.is_empty() {
        token.kind.name().to_owned()
    } else {
        token.text.clone()
    }
}

struct Parser<'t> {
    source: &'t str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

fn node(kind: Kind, start: usize) -> Tree {
    Box::new(Node {
        kind,
        start: start as u32,
    })
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn at(&self, kind: T) -> bool {
        self.peek().is_some_and(|token| token.kind == kind)
    }

    /// A name, or a textual operator used as one.
    fn at_name(&self) -> bool {
        self.peek().is_some_and(|token| {
            token.kind == T::Identifier || (token.kind.has_word() && !token.text.is_empty())
        })
    }

    fn at_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| {
            token.kind == T::Identifier && token.text.eq_ignore_ascii_case(word)
        })
    }

    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        self.next += 1;
        token
    }

    fn skip(&mut self, kind: T) -> bool {
        let found = self.at(kind);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, kind: T) -> Parsed<Token> {
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

    fn fail(&self, position: usize, code: u16, message: &str) -> Box<ParseFailure> {
        Box::new(ParseFailure::spel(self.source, position, code, message))
    }

    fn out_of_input(&self, position: usize) -> Box<ParseFailure> {
        self.fail(position, 1044, "Unexpectedly ran out of input")
    }

    fn position(&self) -> usize {
        self.peek()
            .map_or_else(|| self.source.chars().count(), |token| token.start)
    }

    fn required(&mut self) -> Parsed<Tree> {
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

    fn expression(&mut self) -> Parsed<Option<Tree>> {
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

    fn primary(&mut self) -> Parsed<Option<Tree>> {
        let start = self.start()?;
        let mut steps = Vec::new();
        while let Some(step) = self.step()? {
            steps.push(*step);
        }
        Ok(match start {
            None => None,
            Some(first) if steps.is_empty() => Some(first),
            Some(first) => {
                let position = first.start as usize;
                steps.insert(0, *first);
                Some(node(Kind::Compound(steps), position))
            }
        })
    }

    fn step(&mut self) -> Parsed<Option<Tree>> {
        let safe = match self.peek().map(|token| token.kind) {
            Some(T::Dot) => false,
            Some(T::SafeNavi) => true,
            _ => return self.indexer(false),
        };
        let dot = self.take().start;
        if let Some(found) = self.method_or_property(safe)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.function_or_variable()? {
            return Ok(Some(found));
        }
        if let Some(found) = self.projection(safe)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.selection(safe)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.indexer(safe)? {
            return Ok(Some(found));
        }
        Err(match self.peek() {
            None => self.out_of_input(dot),
            Some(token) => self.fail(
                dot,
                1049,
                &format!("Unexpected data after '.': '{}'", shown(token)),
            ),
        })
    }

    fn start(&mut self) -> Parsed<Option<Tree>> {
        if let Some(found) = self.literal()? {
            return Ok(Some(found));
        }
        if self.at(T::LParen) {
            let open = self.take().start;
            let inner = self.expression()?.ok_or_else(|| self.out_of_input(open))?;
            self.expect(T::RParen)?;
            return Ok(Some(inner));
        }
        if let Some(found) = self.type_reference()? {
            return Ok(Some(found));
        }
        if self.at_word("null") {
            let start = self.take().start;
            return Ok(Some(node(Kind::Null, start)));
        }
        if let Some(found) = self.constructor()? {
            return Ok(Some(found));
        }
        if let Some(found) = self.method_or_property(false)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.function_or_variable()? {
            return Ok(Some(found));
        }
        if let Some(found) = self.bean()? {
            return Ok(Some(found));
        }
        if let Some(found) = self.projection(false)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.selection(false)? {
            return Ok(Some(found));
        }
        if let Some(found) = self.indexer(false)? {
            return Ok(Some(found));
        }
        self.list_or_map()
    }

    fn literal(&mut self) -> Parsed<Option<Tree>> {
        let Some(token) = self.peek() else {
            return Ok(None);
        };
        let start = token.start;
        let text = &token.text;
        let kind = match token.kind {
            T::Int => Kind::Int(integer(text, 10, start)?),
            T::HexInt => Kind::Int(integer(text, 16, start)?),
            T::Long => Kind::Long(long(text, 10, start)?),
            T::HexLong => Kind::Long(long(text, 16, start)?),
            T::Real => Kind::Double(real(text, start)?),
            T::RealFloat => {
                let digits = text.trim_end_matches(['f', 'F']);
                Kind::Float(digits.parse().map_err(|_| bad_real(text, start))?)
            }
            T::Identifier if text.eq_ignore_ascii_case("true") => Kind::Bool(true),
            T::Identifier if text.eq_ignore_ascii_case("false") => Kind::Bool(false),
            T::Text => Kind::Text(unquoted(text)),
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(node(kind, start)))
    }

    fn type_reference(&mut self) -> Parsed<Option<Tree>> {
        let Some(token) = self.peek() else {
            return Ok(None);
        };
        if token.kind != T::Identifier || token.text != "T" {
            return Ok(None);
        }
        let start = self.take().start;
        if self.at(T::RSquare) {
            return Ok(Some(node(
                Kind::Property {
                    name: "T".into(),
                    safe: false,
                },
                start,
            )));
        }
        self.expect(T::LParen)?;
        let name = self.qualified_name()?;
        let mut dimensions = 0;
        while self.skip(T::LSquare) {
            self.expect(T::RSquare)?;
            dimensions += 1;
        }
        self.expect(T::RParen)?;
        Ok(Some(node(Kind::Type { name, dimensions }, start)))
    }

    fn qualified_name(&mut self) -> Parsed<Arc<str>> {
        let mut pieces: Vec<String> = Vec::new();
        while let Some(token) = self.peek() {
            let fits = match token.kind {
                T::Dot | T::Identifier => true,
                T::Text => false,
                _ => {
                    !token.text.is_empty()
                        && token
                            .text
                            .chars()
                            .all(|c| c.is_alphanumeric() || c == '_' || c == '$')
                }
            };
            if !fits {
                break;
            }
            let token = self.take();
            if token.kind != T::Dot {
                pieces.push(token.text);
            }
        }
        if !pieces.is_empty() {
            return Ok(pieces.join(".").into());
        }
        Err(match self.peek() {
            None => self.out_of_input(self.source.chars().count()),
            Some(token) => self.fail(
                token.start,
                1043,
                &format!(
                    "Unexpected token. Expected 'qualified ID' but was '{}'",
                    token.kind.name()
                ),
            ),
        })
    }

    fn constructor(&mut self) -> Parsed<Option<Tree>> {
        if !self.at_word("new") {
            return Ok(None);
        }
        let token = self.take();
        if self.at(T::RSquare) {
            return Ok(Some(node(
                Kind::Property {
                    name: token.text.into(),
                    safe: false,
                },
                token.start,
            )));
        }
        let name = self.qualified_name()?;
        if !self.at(T::LSquare) {
            if !self.at(T::LParen) {
                return Err(self.fail(
                    self.position(),
                    1050,
                    "The arguments '(...)' for the constructor call are missing",
                ));
            }
            let args = self.arguments()?;
            return Ok(Some(node(Kind::New { name, args }, token.start)));
        }
        let mut dimensions = Vec::new();
        while self.skip(T::LSquare) {
            dimensions.push(if self.at(T::RSquare) {
                None
            } else {
                self.expression()?.map(|tree| *tree)
            });
            self.expect(T::RSquare)?;
        }
        let items = match self.list_or_map()? {
            None => None,
            Some(tree) => match tree.kind {
                Kind::List { items, .. } => Some(items),
                _ => {
                    return Err(Box::new(ParseFailure {
                        class: crate::error::CLASS_CAST,
                        message: "an array initializer must be a list".into(),
                        cause: None,
                        position: tree.start as usize,
                        short: "an array initializer must be a list".into(),
                    }));
                }
            },
        };
        Ok(Some(node(
            Kind::NewArray {
                name,
                dimensions,
                items,
            },
            token.start,
        )))
    }

    /// `(a, b)`; the opening parenthesis is the next token.
    fn arguments(&mut self) -> Parsed<Vec<Node>> {
        let open = self.take().start;
        let mut args = Vec::new();
        loop {
            let Some(token) = self.peek() else {
                return Err(self.fail(open, 1051, "Unexpectedly ran out of arguments"));
            };
            if token.kind != T::RParen {
                args.push(*self.required()?);
            }
            match self.peek() {
                None => return Err(self.fail(open, 1051, "Unexpectedly ran out of arguments")),
                Some(token) if token.kind == T::Comma => self.next += 1,
                Some(_) => break,
            }
        }
        self.expect(T::RParen)?;
        Ok(args)
    }

    fn method_or_property(&mut self, safe: bool) -> Parsed<Option<Tree>> {
        if !self.at_name() {
            return Ok(None);
        }
        let token = self.take();
        let name: Arc<str> = token.text.into();
        let kind = if self.at(T::LParen) {
            let args = self.arguments()?;
            Kind::Method { name, args, safe }
        } else {
            Kind::Property { name, safe }
        };
        Ok(Some(node(kind, token.start)))
    }

    fn function_or_variable(&mut self) -> Parsed<Option<Tree>> {
        if !self.at(T::Hash) {
            return Ok(None);
        }
        let start = self.take().start;
        let name: Arc<str> = self.expect(T::Identifier)?.text.into();
        let kind = if self.at(T::LParen) {
            Kind::Function {
                name,
                args: self.arguments()?,
            }
        } else {
            Kind::Variable(name)
        };
        Ok(Some(node(kind, start)))
    }

    fn bean(&mut self) -> Parsed<Option<Tree>> {
        if !self.at(T::BeanRef) && !self.at(T::FactoryBeanRef) {
            return Ok(None);
        }
        let start = self.take().start;
        let name: Arc<str> = if self.at_name() {
            self.expect(T::Identifier)?.text.into()
        } else if self.at(T::Text) {
            let quoted = self.take().text;
            quoted[1..quoted.len() - 1].into()
        } else {
            return Err(self.fail(
                start,
                1059,
                "@ or & can only be followed by an identifier or a quoted name",
            ));
        };
        Ok(Some(node(Kind::Bean(name), start)))
    }

    fn projection(&mut self, safe: bool) -> Parsed<Option<Tree>> {
        if !self.at(T::Project) {
            return Ok(None);
        }
        let start = self.take().start;
        let body = self.expression()?.ok_or_else(|| self.out_of_input(start))?;
        self.expect(T::RSquare)?;
        Ok(Some(node(Kind::Project { body, safe }, start)))
    }

    fn selection(&mut self, safe: bool) -> Parsed<Option<Tree>> {
        let which = match self.peek().map(|token| token.kind) {
            Some(T::Select) => Which::All,
            Some(T::SelectFirst) => Which::First,
            Some(T::SelectLast) => Which::Last,
            _ => return Ok(None),
        };
        let start = self.take().start;
        let body = self.bracketed(start)?;
        Ok(Some(node(Kind::Select { which, body, safe }, start)))
    }

    fn indexer(&mut self, safe: bool) -> Parsed<Option<Tree>> {
        if !self.at(T::LSquare) {
            return Ok(None);
        }
        let start = self.take().start;
        let index = self.bracketed(start)?;
        Ok(Some(node(Kind::Index { index, safe }, start)))
    }

    fn bracketed(&mut self, start: usize) -> Parsed<Tree> {
        let inner = self.expression()?.ok_or_else(|| {
            self.fail(
                start,
                1071,
                "A required selection expression has not been specified",
            )
        })?;
        self.expect(T::RSquare)?;
        Ok(inner)
    }

    fn list_or_map(&mut self) -> Parsed<Option<Tree>> {
        if !self.at(T::LCurly) {
            return Ok(None);
        }
        let start = self.take().start;
        if self.skip(T::RCurly) {
            return Ok(Some(list(Vec::new(), start)));
        }
        if self.skip(T::Colon) {
            self.expect(T::RCurly)?;
            return Ok(Some(map(Vec::new(), start)));
        }
        let position = self.position();
        let first = self.expression()?;
        let absent = || missing(position);
        if self.skip(T::RCurly) {
            return Ok(Some(list(vec![*first.ok_or_else(absent)?], start)));
        }
        if self.skip(T::Comma) {
            let mut items = vec![first.map(|tree| *tree)];
            loop {
                items.push(self.expression()?.map(|tree| *tree));
                if !self.skip(T::Comma) {
                    break;
                }
            }
            self.expect(T::RCurly)?;
            let items: Option<Vec<Node>> = items.into_iter().collect();
            return Ok(Some(list(items.ok_or_else(absent)?, start)));
        }
        if !self.skip(T::Colon) {
            return Err(self.out_of_input(start));
        }
        let mut entries = vec![(first, self.expression()?)];
        while self.skip(T::Comma) {
            let key = self.expression()?;
            self.expect(T::Colon)?;
            entries.push((key, self.expression()?));
        }
        self.expect(T::RCurly)?;
        let entries: Option<Vec<(Node, Node)>> = entries
            .into_iter()
            .map(|(key, value)| Some((*key?, *value?)))
            .collect();
        Ok(Some(map(entries.ok_or_else(absent)?, start)))
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

fn list(items: Vec<Node>, start: usize) -> Tree {
    let constant = items.iter().all(Node::is_constant_item);
    node(Kind::List { items, constant }, start)
}

fn map(entries: Vec<(Node, Node)>, start: usize) -> Tree {
    let constant = entries
        .iter()
        .all(|(key, value)| key.is_constant_entry(true) && value.is_constant_entry(false));
    node(Kind::Map { entries, constant }, start)
}
