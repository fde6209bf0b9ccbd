//! Explanations: what an expression compared and computed, with the values it found.

use super::{Machine, lower, show};
use crate::error::Eval;
use crate::syntax::ast::{Kind, Node};
use crate::value::Value;

impl<'a> Machine<'a> {
    /// Evaluates like [`Machine::run`] and tells how: `3 > 2 && "prod" == "prod"`. What was not evaluated is not shown.
    pub(crate) fn explain(&mut self, node: &Node) -> Eval<(Value<'a>, String)> {
        self.begin();
        let root = self.root_value();
        self.explained(node, &root)
    }

    fn explained(&mut self, node: &Node, root: &Value<'a>) -> Eval<(Value<'a>, String)> {
        match &node.kind {
            Kind::And(items) => self.explained_logic(items, false, root),
            Kind::Or(items) => self.explained_logic(items, true, root),
            Kind::Ternary(condition, then, otherwise) => {
                let (value, shown) = self.explained(condition, root)?;
                let chosen = if crate::java::convert::to_condition(&value)? {
                    then
                } else {
                    otherwise
                };
                let (value, result) = self.explained(chosen, root)?;
                Ok((value, format!("{shown} ? {result}")))
            }
            _ => {
                let lowered = lower::lower(self, node, root, root)?;
                Ok((lowered.run()?, show::show(&lowered)))
            }
        }
    }

    fn explained_logic(
        &mut self,
        items: &[Node],
        decisive: bool,
        root: &Value<'a>,
    ) -> Eval<(Value<'a>, String)> {
        let sign = if decisive { " || " } else { " && " };
        let mut shown = Vec::new();
        let mut result = !decisive;
        for item in items {
            let (value, text) = self.explained(item, root)?;
            let nested = matches!(item.kind, Kind::Or(_)) && !decisive;
            shown.push(if nested { format!("({text})") } else { text });
            result = crate::java::convert::to_condition(&value)?;
            if result == decisive {
                break;
            }
        }
        Ok((Value::Bool(result), shown.join(sign)))
    }
}
