//! What the catalog knows and pgoutput's relations do not say: the labels of enums, and which columns
//! have defaults.

use super::types::{Form, Type};
use super::value;
use model::{Column, TableId};
use serde_json::Value;
use source::decode::Field;
use std::collections::HashMap;

/// Who has a session with Postgres fills it before a relation is told of; without it schemas say less,
/// and values are the same.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// [`source::catalog::labels`]
    pub labels: HashMap<u32, Vec<String>>,
    /// [`source::catalog::defaults`]
    pub defaults: HashMap<(TableId, i16), String>,
}

impl Known {
    pub(crate) fn labels(&self, oid: u32) -> String {
        self.labels.get(&oid).map(|labels| labels.join(",")).unwrap_or_default()
    }

    /// As Debezium: a constant is itself, and what is computed is the type's zero.
    pub(crate) fn default_of(&self, table: TableId, column: &Column, ty: &Type) -> Option<Value> {
        let expression = self.defaults.get(&(table, column.attnum))?;
        if let Form::Array { .. } | Form::Bytes | Form::Decimal { .. } | Form::FreeDecimal = ty.form
        {
            return None;
        }
        let field = constant(expression);
        let field = field.as_deref().map_or(Field::Null, |text| Field::Text(text.as_bytes()));
        let mut out = value::Json::new(Vec::new(), true);
        value::write(ty, field, &mut out);
        serde_json::from_slice(&out.into_bytes()).ok().filter(|value: &Value| !value.is_object())
    }
}

/// `'new'::text`, `5`, `'-1'::integer`, `true`.
fn constant(expression: &str) -> Option<String> {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    if is_number(expression) || matches!(expression, "true" | "false") {
        return Some(expression.into());
    }
    let quoted = expression.strip_prefix('\'')?;
    let mut text = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '\'' => match rest.as_str().strip_prefix('\'') {
                Some(after) => {
                    text.push('\'');
                    rest = after.chars();
                }
                None => break,
            },
            letter => text.push(letter),
        }
    }
    let rest = rest.as_str();
    let is_cast = rest.starts_with("::") && !rest.contains(['(', '|', '+']) || rest.is_empty();
    is_cast.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_told_from_what_is_computed() {
        let constants = [
            ("true", Some("true")),
            ("5", Some("5")),
            ("'new'::text", Some("new")),
            ("'it''s'::character varying", Some("it's")),
            ("'-1'::integer", Some("-1")),
            ("now()", None),
            ("nextval('orders_id_seq'::regclass)", None),
            ("'a'::text || 'b'::text", None),
        ];
        for (expression, expected) in constants {
            assert_eq!(constant(expression).as_deref(), expected, "{expression}");
        }
    }
}
