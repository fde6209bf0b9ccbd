//! What expressions are built from: literals, names, types, constructors, calls, brackets, lists and maps.

use std::sync::Arc;

use super::ast::{Kind, Node, Which};
use super::literal::{bad_real, integer, long, real, unquoted};
use super::parser::{Parsed, Parser, Tree, missing, node, shown};
use super::token::Kind as T;
use crate::error::ParseFailure;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Parsed<Option<Tree>> {
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
