//! A row of a message before it is a tuple: values, and the names or the schema that say whose.

use super::json::Text;
use super::means::Field;
use super::value::Value;

/// The fields of a row as a schema has them. Two with one id are the same.
#[derive(Debug)]
pub(super) struct RowSchema {
    pub(super) id: u64,
    pub(super) fields: Vec<Field>,
    /// It is of no envelope: fields that are about the change are among the row's.
    pub(super) is_flat: bool,
}

#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    /// One for each value; none where the schema's fields are the values, one by one.
    pub(super) names: Vec<Text<'a>>,
    pub(super) values: Vec<Value<'a>>,
    pub(super) schema: Option<&'a RowSchema>,
}

impl<'a> Row<'a> {
    pub(super) fn with_room(schema: Option<&'a RowSchema>) -> Row<'a> {
        // Of a table as most are: more room is made where it is needed.
        const FIELDS: usize = 16;
        let (names, values) = (Vec::with_capacity(FIELDS), Vec::with_capacity(FIELDS));
        Row { names, values, schema }
    }

    pub(super) fn push(&mut self, name: Text<'a>, value: Value<'a>) {
        self.names.push(name);
        self.values.push(value);
    }

    /// The value of a field. `hint`: where it was in the last one.
    pub(super) fn get(&self, name: &str, hint: usize) -> Option<Value<'a>> {
        let is_it = |at: usize| match (self.names.get(at), self.schema) {
            (Some(text), _) => text.is(name.as_bytes()),
            (None, Some(schema)) => schema.fields.get(at).is_some_and(|field| field.name == name),
            (None, None) => false,
        };
        let at = if is_it(hint) { hint } else { (0..self.values.len()).find(|&at| is_it(at))? };
        self.values.get(at).copied()
    }

    pub(super) fn name(&self, at: usize) -> String {
        match (self.names.get(at), self.schema) {
            (Some(text), _) => {
                let bytes = text.owned().unwrap_or_else(|_| text.raw.to_vec());
                String::from_utf8_lossy(&bytes).into_owned()
            }
            (None, Some(schema)) => schema.fields[at].name.clone(),
            (None, None) => String::new(),
        }
    }
}
