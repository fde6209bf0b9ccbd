//! The syntax tree of one `${…}` part.
//!
//! Chains of the same precedence are one node with many operands, so that the depth of a tree is bounded by the
//! nesting the parser allows and not by the length of the text.

use std::sync::Arc;

/// A node and where it begins (in characters of the part).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
}

/// Which elements a selection keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    First,
    Last,
}

/// Operators between two operands that are evaluated both, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strict {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulus,
    Power,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Strict {
    /// The sign.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Strict::Add => "+",
            Strict::Subtract => "-",
            Strict::Multiply => "*",
            Strict::Divide => "/",
            Strict::Modulus => "%",
            Strict::Power => "^",
            Strict::Eq => "==",
            Strict::Ne => "!=",
            Strict::Lt => "<",
            Strict::Le => "<=",
            Strict::Gt => ">",
            Strict::Ge => ">=",
        }
    }

    /// The name in the message EL1030E.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Strict::Add => "ADD",
            Strict::Subtract => "SUBTRACT",
            Strict::Multiply => "MULTIPLY",
            Strict::Divide => "DIVIDE",
            Strict::Modulus => "MODULUS",
            Strict::Power => "POWER",
            Strict::Eq | Strict::Ne | Strict::Lt | Strict::Le | Strict::Gt | Strict::Ge => {
                "COMPARE"
            }
        }
    }
}

/// Relations that are no operator of the calculator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Instanceof,
    Matches,
    Between,
}

/// The sign before an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Plus,
    Minus,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Text(Arc<str>),
    Property {
        name: Arc<str>,
        safe: bool,
    },
    Method {
        name: Arc<str>,
        args: Vec<Node>,
        safe: bool,
    },
    Variable(Arc<str>),
    Function {
        name: Arc<str>,
        args: Vec<Node>,
    },
    Index {
        index: Box<Node>,
        safe: bool,
    },
    Project {
        body: Box<Node>,
        safe: bool,
    },
    Select {
        which: Which,
        body: Box<Node>,
        safe: bool,
    },
    /// A start and its navigation steps; at least two nodes.
    Compound(Vec<Node>),
    /// `constant` lists cannot be changed by methods.
    List {
        items: Vec<Node>,
        constant: bool,
    },
    Map {
        entries: Vec<(Node, Node)>,
        constant: bool,
    },
    Type {
        name: Arc<str>,
        dimensions: usize,
    },
    New {
        name: Arc<str>,
        args: Vec<Node>,
    },
    NewArray {
        name: Arc<str>,
        dimensions: Vec<Option<Node>>,
        items: Option<Vec<Node>>,
    },
    Bean(Arc<str>),
    Unary {
        op: Unary,
        operand: Box<Node>,
    },
    /// `first op operand op operand …`, left to right. Each operand carries where its operator stands.
    Chain {
        first: Box<Node>,
        rest: Vec<(Strict, u32, Node)>,
    },
    Relation {
        op: Relation,
        left: Box<Node>,
        right: Box<Node>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    Elvis(Box<Node>, Box<Node>),
    Ternary(Box<Node>, Box<Node>, Box<Node>),
    Assign(Box<Node>, Box<Node>),
    /// `++` and `--`; `by` is 1 or -1.
    Step {
        by: i32,
        prefix: bool,
        target: Box<Node>,
    },
}

impl Node {
    /// True for number literals, which a minus sign keeps constant.
    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self.kind,
            Kind::Int(_) | Kind::Long(_) | Kind::Float(_) | Kind::Double(_)
        )
    }

    fn is_literal(&self) -> bool {
        self.is_number() || matches!(self.kind, Kind::Null | Kind::Bool(_) | Kind::Text(_))
    }

    fn is_negative_number(&self) -> bool {
        matches!(&self.kind, Kind::Unary { op: Unary::Minus, operand } if operand.is_number())
    }

    /// True where an inline list of this item stays constant.
    pub(crate) fn is_constant_item(&self) -> bool {
        self.is_literal()
            || self.is_negative_number()
            || matches!(self.kind, Kind::List { constant: true, .. })
    }

    /// True where an inline map with this key or value stays constant.
    pub(crate) fn is_constant_entry(&self, key: bool) -> bool {
        self.is_constant_item()
            || matches!(self.kind, Kind::Map { constant: true, .. })
            || (key && matches!(self.kind, Kind::Property { .. }))
    }
}
