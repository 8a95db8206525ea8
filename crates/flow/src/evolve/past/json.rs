//! The past as it is written down with the state of its table.

use super::{Past, Version};
use model::{Column, Leaf, PgType, TableId, TableName, Written};
use serde_json::{Value, json};

impl Past {
    pub(crate) fn to_json(&self) -> Value {
        let version = |version: &Version| {
            let column = &version.column;
            json!({
                "attnum": column.attnum, "name": column.name, "type_oid": column.type_oid,
                "typmod": column.typmod, "dimensions": column.dimensions(),
                "type_name": column.type_name, "not_null": column.not_null,
                "stored": version.stored,
            })
        };
        let leaf = |leaf: &Leaf| json!([leaf.id.0, leaf.file]);
        let name = |name: &TableName| json!([name.schema, name.table]);
        json!({
            "names": self.names.iter().map(name).collect::<Vec<_>>(),
            "versions": self.versions.iter().map(version).collect::<Vec<_>>(),
            "live": self.live,
            "hidden": self.hidden,
            "fields": self.fields,
            "key": self.key,
            "written": {
                "file": self.written.file,
                "columns": self.written.columns,
                "attributes": self.written.attributes,
                "published": self.written.published,
                "leaves": self.written.leaves.iter().map(leaf).collect::<Vec<_>>(),
            },
        })
    }

    /// `None`: it does not read back.
    pub(crate) fn from_json(json: &Value) -> Option<Past> {
        let numbers = |json: &Value| -> Option<Vec<i16>> {
            json.as_array()?.iter().map(|n| n.as_i64().map(|n| n as i16)).collect()
        };
        let version = |json: &Value| {
            let dimensions = json["dimensions"].as_u64()? as u8;
            // The type itself is the catalog's to say: see `resolve`.
            let pg = match dimensions {
                0 => PgType::Other,
                _ => PgType::Array(Box::new(PgType::Other), dimensions),
            };
            let column = Column {
                name: json["name"].as_str()?.to_owned(),
                attnum: json["attnum"].as_i64()? as i16,
                type_oid: json["type_oid"].as_u64()? as u32,
                typmod: json["typmod"].as_i64()? as i32,
                pg,
                type_name: json["type_name"].as_str()?.to_owned(),
                not_null: json["not_null"].as_bool()?,
            };
            let stored = &json["stored"];
            let stored = match stored.is_null() {
                true => None,
                false => Some((stored[0].as_str()?.to_owned(), stored[1].as_str()?.to_owned())),
            };
            Some(Version { column, stored })
        };
        let leaf = |json: &Value| {
            let (id, file) = (json[0].as_u64()? as u32, json[1].as_u64()? as u32);
            Some(Leaf { id: TableId(id), file, brought_rows: false })
        };
        let name = |json: &Value| Some(TableName::new(json[0].as_str()?, json[1].as_str()?));
        let names = json["names"].as_array().map(Vec::as_slice).unwrap_or_default();
        let hidden = json["hidden"].as_array().into_iter().flatten();
        let fields = json["fields"].as_object().into_iter().flatten();
        let fields = fields.map(|(at, of)| Some((at.parse().ok()?, of.as_str()?.to_owned())));
        let written = &json["written"];
        let written = Written {
            file: written["file"].as_u64()?,
            columns: written["columns"].as_u64()?,
            attributes: written["attributes"].as_i64()? as i16,
            published: written["published"].as_u64()? as u32,
            leaves: written["leaves"].as_array()?.iter().map(leaf).collect::<Option<_>>()?,
        };
        Some(Past {
            versions: json["versions"].as_array()?.iter().map(version).collect::<Option<_>>()?,
            live: numbers(&json["live"])?,
            key: numbers(&json["key"])?,
            written,
            names: names.iter().map(name).collect::<Option<_>>()?,
            fields: fields.collect::<Option<_>>()?,
            hidden: hidden.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        })
    }
}
