//! The lexer: text of one `${…}` part to tokens.
//!
//! Positions are counted in characters of the part. The rules are those of SpEL: no escapes in strings, a quote is
//! written twice, `.5` and `5.` are no reals, textual operators keep their spelling so that they can also be names.

use crate::error::ParseFailure;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identifier,
    Text,
    Int,
    Long,
    HexInt,
    HexLong,
    Real,
    RealFloat,
    LParen,
    RParen,
    LSquare,
    RSquare,
    LCurly,
    RCurly,
    Comma,
    Colon,
    Hash,
    Dot,
    SafeNavi,
    Plus,
    Minus,
    Star,
    Div,
    Mod,
    Power,
    Inc,
    Dec,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Not,
    Assign,
    SymbolicAnd,
    SymbolicOr,
    QMark,
    Elvis,
    Project,
    Select,
    SelectFirst,
    SelectLast,
    BeanRef,
    FactoryBeanRef,
}

impl Kind {
    /// The name Spring's messages use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Identifier => "identifier",
            Kind::Text => "literal_string",
            Kind::Int => "literal_int",
            Kind::Long => "literal_long",
            Kind::HexInt => "literal_hexint",
            Kind::HexLong => "literal_hexlong",
            Kind::Real => "literal_real",
            Kind::RealFloat => "literal_real_float",
            Kind::LParen => "lparen(()",
            Kind::RParen => "rparen())",
            Kind::LSquare => "lsquare([)",
            Kind::RSquare => "rsquare(])",
            Kind::LCurly => "lcurly({)",
            Kind::RCurly => "rcurly(})",
            Kind::Comma => "comma(,)",
            Kind::Colon => "colon(:)",
            Kind::Hash => "hash(#)",
            Kind::Dot => "dot(.)",
            Kind::SafeNavi => "safe_navi(?.)",
            Kind::Plus => "plus(+)",
            Kind::Minus => "minus(-)",
            Kind::Star => "star(*)",
            Kind::Div => "div(/)",
            Kind::Mod => "mod(%)",
            Kind::Power => "power(^)",
            Kind::Inc => "inc(++)",
            Kind::Dec => "dec(--)",
            Kind::Eq => "eq(==)",
            Kind::Ne => "ne(!=)",
            Kind::Lt => "lt(<)",
            Kind::Le => "le(<=)",
            Kind::Gt => "gt(>)",
            Kind::Ge => "ge(>=)",
            Kind::Not => "not(!)",
            Kind::Assign => "assign(=)",
            Kind::SymbolicAnd => "symbolic_and(&&)",
            Kind::SymbolicOr => "symbolic_or(||)",
            Kind::QMark => "qmark(?)",
            Kind::Elvis => "elvis(?:)",
            Kind::Project => "project(![)",
            Kind::Select => "select(?[)",
            Kind::SelectFirst => "select_first(^[)",
            Kind::SelectLast => "select_last($[)",
            Kind::BeanRef => "bean_ref(@)",
            Kind::FactoryBeanRef => "factory_bean_ref(&)",
        }
    }

    /// True for the kinds a word can stand for (`eq`, `div`, …).
    pub(crate) fn has_word(self) -> bool {
        matches!(
            self,
            Kind::Div
                | Kind::Eq
                | Kind::Ge
                | Kind::Gt
                | Kind::Le
                | Kind::Lt
                | Kind::Mod
                | Kind::Ne
                | Kind::Not
        )
    }
}

/// One token. `text` is the written form of identifiers, literals and textual operators, empty for symbols.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

struct Lexer<'t> {
    source: &'t str,
    chars: Vec<char>,
    position: usize,
    tokens: Vec<Token>,
}

/// Splits `source` into tokens.
pub(crate) fn tokenize(source: &str) -> Result<Vec<Token>, ParseFailure> {
    let mut chars: Vec<char> = source.chars().collect();
    // Two sentinels: every look-ahead below reads at most one character past the last one.
    chars.push('\0');
    chars.push('\0');
    let mut lexer = Lexer {
        source,
        chars,
        position: 0,
        tokens: Vec::new(),
    };
    lexer.run()?;
    Ok(lexer.tokens)
}

fn is_letter(c: char) -> bool {
    // Java looks at UTF-16 units, so a letter outside the basic plane is none.
    (c as u32) <= 0xFFFF && c.is_alphabetic()
}

fn is_name_part(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit() || c == '_' || c == '$'
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), ParseFailure> {
        let end = self.chars.len() - 2;
        while self.position < end {
            let c = self.chars[self.position];
            match c {
                _ if is_letter(c) || c == '_' => self.identifier(),
                '0'..='9' => self.number()?,
                ' ' | '\t' | '\r' | '\n' | '\0' => self.position += 1,
                '\'' | '"' => self.quoted(c)?,
                '$' if self.chars[self.position + 1] != '[' => self.identifier(),
                _ => self.symbol(c)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let start = self.position;
        self.position += length;
        self.tokens.push(Token {
            kind,
            text: String::new(),
            start,
            end: start + length,
        });
    }

    fn push_text(&mut self, kind: Kind, start: usize, end: usize) {
        let text: String = self.chars[start..end].iter().collect();
        self.tokens.push(Token {
            kind,
            text,
            start,
            end,
        });
    }

    fn symbol(&mut self, c: char) -> Result<(), ParseFailure> {
        let next = self.chars[self.position + 1];
        let (kind, length) = match (c, next) {
            ('+', '+') => (Kind::Inc, 2),
            ('+', _) => (Kind::Plus, 1),
            ('-', '-') => (Kind::Dec, 2),
            ('-', _) => (Kind::Minus, 1),
            (':', _) => (Kind::Colon, 1),
            ('.', _) => (Kind::Dot, 1),
            (',', _) => (Kind::Comma, 1),
            ('*', _) => (Kind::Star, 1),
            ('/', _) => (Kind::Div, 1),
            ('%', _) => (Kind::Mod, 1),
            ('(', _) => (Kind::LParen, 1),
            (')', _) => (Kind::RParen, 1),
            ('[', _) => (Kind::LSquare, 1),
            (']', _) => (Kind::RSquare, 1),
            ('{', _) => (Kind::LCurly, 1),
            ('}', _) => (Kind::RCurly, 1),
            ('#', _) => (Kind::Hash, 1),
            ('@', _) => (Kind::BeanRef, 1),
            ('^', '[') => (Kind::SelectFirst, 2),
            ('^', _) => (Kind::Power, 1),
            ('!', '=') => (Kind::Ne, 2),
            ('!', '[') => (Kind::Project, 2),
            ('!', _) => (Kind::Not, 1),
            ('=', '=') => (Kind::Eq, 2),
            ('=', _) => (Kind::Assign, 1),
            ('&', '&') => (Kind::SymbolicAnd, 2),
            ('&', _) => (Kind::FactoryBeanRef, 1),
            ('|', '|') => (Kind::SymbolicOr, 2),
            ('?', '[') => (Kind::Select, 2),
            ('?', ':') => (Kind::Elvis, 2),
            ('?', '.') => (Kind::SafeNavi, 2),
            ('?', _) => (Kind::QMark, 1),
            ('$', '[') => (Kind::SelectLast, 2),
            ('>', '=') => (Kind::Ge, 2),
            ('>', _) => (Kind::Gt, 1),
            ('<', '=') => (Kind::Le, 2),
            ('<', _) => (Kind::Lt, 1),
            ('|', _) => {
                return Err(self.fail(
                    self.position,
                    1069,
                    "Missing expected character '|'".into(),
                ));
            }
            ('\\', _) => {
                return Err(self.fail(self.position, 1065, "Unexpected escape character".into()));
            }
            _ => {
                return Err(self.fail(
                    self.position + 1,
                    1082,
                    format!(
                        "Unsupported character '{c}' ({}) encountered in expression",
                        c as u32
                    ),
                ));
            }
        };
        self.push(kind, length);
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<(), ParseFailure> {
        let start = self.position;
        let last = self.chars.len() - 2;
        loop {
            self.position += 1;
            let c = self.chars[self.position];
            let mut terminated = false;
            if c == quote {
                if self.chars[self.position + 1] == quote {
                    self.position += 1;
                } else {
                    terminated = true;
                }
            }
            if self.position >= last {
                let shown = if quote == '"' { "\"" } else { "'" };
                let code = if quote == '"' { 1045 } else { 1046 };
                return Err(self.fail(
                    start,
                    code,
                    format!("Cannot find terminating {shown} for string"),
                ));
            }
            if terminated {
                break;
            }
        }
        self.position += 1;
        self.push_text(Kind::Text, start, self.position);
        Ok(())
    }

    fn number(&mut self) -> Result<(), ParseFailure> {
        let start = self.position;
        if self.chars[start] == '0' && matches!(self.chars[start + 1], 'x' | 'X') {
            return self.hexadecimal(start);
        }
        self.digits();
        let mut real = false;
        if self.chars[self.position] == '.' {
            let dot = self.position;
            self.position += 1;
            self.digits();
            if self.position == dot + 1 {
                // `3.` may be the start of `3.toString()`: the dot stays a token of its own.
                self.position = dot;
                self.push_text(Kind::Int, start, dot);
                return Ok(());
            }
            real = true;
        }
        let end = self.position;
        match self.chars[self.position] {
            'L' | 'l' if real => Err(self.fail(
                start,
                1048,
                "Real number cannot be suffixed with a long (L or l) suffix".into(),
            )),
            'L' | 'l' => {
                self.push_text(Kind::Long, start, end);
                self.position += 1;
                Ok(())
            }
            'e' | 'E' => {
                self.position += 1;
                if matches!(self.chars[self.position], '+' | '-') {
                    self.position += 1;
                }
                if self.position >= self.chars.len() - 2 {
                    // Spring reads past its buffer here, and says so.
                    let length = self.chars.len() - 1;
                    return Err(ParseFailure::past_end(length, start));
                }
                // The first character after the sign belongs to the number whatever it is; parsing it fails later.
                if self.position < self.chars.len() - 2 {
                    self.position += 1;
                }
                self.digits();
                self.real_suffix(start);
                Ok(())
            }
            'f' | 'F' | 'd' | 'D' => {
                self.real_suffix(start);
                Ok(())
            }
            _ => {
                self.push_text(if real { Kind::Real } else { Kind::Int }, start, end);
                Ok(())
            }
        }
    }

    fn digits(&mut self) {
        while self.chars[self.position].is_ascii_digit() {
            self.position += 1;
        }
    }

    fn real_suffix(&mut self, start: usize) {
        let kind = match self.chars[self.position] {
            'f' | 'F' => {
                self.position += 1;
                Kind::RealFloat
            }
            'd' | 'D' => {
                self.position += 1;
                Kind::Real
            }
            _ => Kind::Real,
        };
        self.push_text(kind, start, self.position);
    }

    fn hexadecimal(&mut self, start: usize) -> Result<(), ParseFailure> {
        self.position += 2;
        while self.chars[self.position].is_ascii_hexdigit() {
            self.position += 1;
        }
        let end = self.position;
        let long = matches!(self.chars[end], 'L' | 'l');
        if end == start + 2 {
            let shown: String = self.chars[start..end + usize::from(long)].iter().collect();
            let (code, what) = if long {
                (1036, "a long")
            } else {
                (1035, "an int")
            };
            return Err(self.fail(
                start,
                code,
                format!("The value '{shown}' cannot be parsed as {what}"),
            ));
        }
        self.push_text(
            if long { Kind::HexLong } else { Kind::HexInt },
            start + 2,
            end,
        );
        if long {
            self.position += 1;
        }
        Ok(())
    }

    fn identifier(&mut self) {
        let start = self.position;
        self.position += 1;
        while is_name_part(self.chars[self.position]) {
            self.position += 1;
        }
        let end = self.position;
        let kind = if matches!(end - start, 2 | 3) {
            let word: String = self.chars[start..end]
                .iter()
                .map(char::to_ascii_uppercase)
                .collect();
            match word.as_str() {
                "DIV" => Kind::Div,
                "EQ" => Kind::Eq,
                "GE" => Kind::Ge,
                "GT" => Kind::Gt,
                "LE" => Kind::Le,
                "LT" => Kind::Lt,
                "MOD" => Kind::Mod,
                "NE" => Kind::Ne,
                "NOT" => Kind::Not,
                _ => Kind::Identifier,
            }
        } else {
            Kind::Identifier
        };
        self.push_text(kind, start, end);
    }

    fn fail(&self, position: usize, code: u16, message: String) -> ParseFailure {
        ParseFailure::spel(self.source, position, code, &message)
    }
}
