//! Which functions a limited user may call: those of categories that only compute, and some of the
//! rest by name. What the engine adds in a category of its own is refused until it is looked at.
//!
//! `file('/etc/passwd')` needs no privilege at the engine, so this is the only fence before it; a
//! function also counts when it is named without brackets (`arrayMap(file, …)`, `APPLY file`).

use crate::clickhouse::sql::{Kind, Tokens};
use model::Result;
use std::collections::{BTreeMap, HashSet};
use store::Engine;

/// Categories whose functions look at nothing but their arguments.
const COMPUTE: [&str; 35] = [
    "Aggregate Functions",
    "Arithmetic",
    "Arrays",
    "Bit",
    "Bitmap",
    "Comparison",
    "Conditional",
    "Dates and Times",
    "Distance",
    "Encoding",
    "Encryption",
    "Financial",
    "Geo",
    "Geo Polygon",
    "Hash",
    "IP Address",
    "JSON",
    "Logical",
    "Map",
    "Mathematical",
    "Null",
    "NumericIndexedVector",
    "QBit",
    "Random Number",
    "Rounding",
    "String",
    "String Replacement",
    "String Search",
    "String Splitting",
    "Time Series",
    "Time Window",
    "Tuple",
    "Type Conversion",
    "URL",
    "UUID",
];

/// Of the others. Not there: what tells of the server, of other connections, or of tables by their
/// name in a text.
const BY_NAME: &[&str] = &[
    "bar",
    "blocknumber",
    "blocksize",
    "byteSize",
    "colorOKLABToSRGB",
    "colorOKLCHToSRGB",
    "colorSRGBToOKLAB",
    "colorSRGBToOKLCH",
    "countDigits",
    "currentDatabase",
    "currentQueryID",
    "currentSchemas",
    "currentUser",
    "defaultValueOfArgumentType",
    "defaultValueOfTypeName",
    "digits",
    "displayName",
    "dumpColumnStructure",
    "errorCodeToName",
    "finalizeAggregation",
    "flipCoordinates",
    "formatQuery",
    "formatQueryOrNull",
    "formatQuerySingleLine",
    "formatQuerySingleLineOrNull",
    "formatReadableDecimalSize",
    "formatReadableQuantity",
    "formatReadableSize",
    "formatReadableTimeDelta",
    "FQDN",
    "generateRandomStructure",
    "getSizeOfEnumType",
    "getSubcolumn",
    "getTypeSerializationStreams",
    "globalVariable",
    "highlightQuery",
    "hostName",
    "icebergBucket",
    "icebergTruncate",
    "identity",
    "ignore",
    "indexHint",
    "initialQueryID",
    "initialQueryStartTime",
    "initializeAggregation",
    "isConstant",
    "isDecimalOverflow",
    "lowCardinalityIndices",
    "lowCardinalityKeys",
    "MACNumToString",
    "MACStringToNum",
    "MACStringToOUI",
    "materialize",
    "minSampleSizeContinuous",
    "minSampleSizeConversion",
    "neighbor",
    "normalizedQueryHash",
    "normalizedQueryHashKeepNames",
    "normalizeQuery",
    "normalizeQueryKeepNames",
    "parseReadableSize",
    "parseReadableSizeOrNull",
    "parseReadableSizeOrZero",
    "parseTimeDelta",
    "partitionId",
    "queryID",
    "revision",
    "rowNumberInAllBlocks",
    "rowNumberInBlock",
    "runningAccumulate",
    "runningDifference",
    "runningDifferenceStartingWithFirstValue",
    "sleep",
    "sleepEachRow",
    "throwIf",
    "tokenizeQuery",
    "toColumnTypeName",
    "toTypeName",
    "transform",
    "uptime",
    "variantElement",
    "variantType",
    "version",
    "visibleWidth",
    "caseWithExpression",
    "validateNestedArraySizes",
    "getSetting",
    "getSettingOrDefault",
    // What a parameter `{x:Int32}` becomes.
    "_CAST",
];

/// Tables made of nothing but their arguments. `merge` finds tables by a pattern, `input` a body;
/// `generateRandom` and `null` take the text of a structure, which may hold expressions.
const OF_TABLES: [&str; 10] = [
    "numbers",
    "numbers_mt",
    "zeros",
    "zeros_mt",
    "values",
    "SQLStandardValues",
    "generateSeries",
    "generate_series",
    "view",
    "primes",
];
/// Their first argument may be a structure: `values('x String ALIAS file(…)', …)`.
const WITH_STRUCTURE: [&str; 2] = ["values", "SQLStandardValues"];
/// What makes an expression of a column in a structure.
const OF_EXPRESSIONS: [&str; 4] = ["DEFAULT", "MATERIALIZED", "ALIAS", "EPHEMERAL"];

pub(super) struct Functions {
    /// In small letters; most functions are known in any case.
    refused: HashSet<String>,
    dictionaries: HashSet<String>,
    /// Engines of tables, by their exact names.
    engines: HashSet<String>,
    /// Table functions, in small letters.
    of_tables: HashSet<String>,
}

impl Functions {
    pub(super) fn read(engine: &Engine) -> Result<Functions> {
        const SQL: &str = "SELECT name, categories, alias_to, origin FROM system.functions";
        let mut session = engine.session()?;
        let answer = session.query(SQL, "TSVRaw", &[]).map_err(|e| e.error("ask for functions"))?;
        let text = String::from_utf8_lossy(answer.bytes()).into_owned();
        drop(answer);
        const ENGINES: &str = "SELECT name FROM system.table_engines";
        let answer =
            session.query(ENGINES, "TSVRaw", &[]).map_err(|e| e.error("ask for engines"))?;
        let engines = String::from_utf8_lossy(answer.bytes()).lines().map(str::to_owned).collect();
        const OF_TABLES: &str = "SELECT lower(name) FROM system.table_functions";
        let answer = session
            .query(OF_TABLES, "TSVRaw", &[])
            .map_err(|e| e.error("ask for table functions"))?;
        let of_tables =
            String::from_utf8_lossy(answer.bytes()).lines().map(str::to_owned).collect();
        Ok(Functions { engines, of_tables, ..Functions::sort(&text) })
    }

    fn sort(listed: &str) -> Functions {
        let rows: Vec<[&str; 4]> = listed
            .lines()
            .filter_map(|line| line.split('\t').collect::<Vec<_>>().try_into().ok())
            .collect();
        let categories: BTreeMap<&str, &str> = rows.iter().map(|row| (row[0], row[1])).collect();
        let mut functions = Functions {
            refused: HashSet::new(),
            dictionaries: HashSet::new(),
            engines: HashSet::new(),
            of_tables: HashSet::new(),
        };
        for [name, own, alias_to, origin] in rows {
            let meant = if alias_to.is_empty() { name } else { alias_to };
            let category = if alias_to.is_empty() {
                own
            } else {
                categories.get(meant).copied().unwrap_or("")
            };
            let by_name = BY_NAME.iter().any(|known| known.eq_ignore_ascii_case(meant));
            if category == "Dictionary" {
                functions.dictionaries.insert(name.to_ascii_lowercase());
            } else if origin == "System" && !by_name && !COMPUTE.contains(&category) {
                functions.refused.insert(name.to_ascii_lowercase());
            }
        }
        functions
    }

    /// A name that the engine does not know is the engine's to refuse.
    pub(super) fn refuses(&self, name: &str) -> bool {
        self.refused.contains(&name.to_ascii_lowercase())
    }

    pub(super) fn is_of_dictionaries(&self, name: &str) -> bool {
        self.dictionaries.contains(&name.to_ascii_lowercase())
    }

    pub(super) fn is_engine(&self, name: &str) -> bool {
        self.engines.contains(name)
    }

    pub(super) fn makes_a_table(name: &str) -> bool {
        OF_TABLES.contains(&name)
    }

    /// The first name in a plain text by which it goes beyond the tables and what computes. `file` counts without
    /// brackets, too (`arrayMap(file, …)`), unless it is a column of a table that is named.
    pub(super) fn reaching_out<'a>(&self, text: &'a str) -> Option<&'a str> {
        let mut before: Option<&str> = None;
        let mut is_behind_dot = false;
        for token in Tokens::new(text.as_bytes()) {
            let here = &text[token.start..token.end];
            if token.kind == Kind::Mark(b'(')
                && let Some(name) = before.filter(|name| self.reaches_out(name))
            {
                return Some(name);
            }
            before = match token.kind {
                Kind::Word => Some(here),
                Kind::Quoted => here.get(1..here.len() - 1),
                _ => None,
            };
            if let Some(name) = before.filter(|name| name.eq_ignore_ascii_case("file"))
                && !is_behind_dot
            {
                return Some(name);
            }
            is_behind_dot = token.kind == Kind::Mark(b'.');
        }
        None
    }

    fn reaches_out(&self, name: &str) -> bool {
        let of_tables = self.of_tables.contains(&name.to_ascii_lowercase());
        // `format` is a function of texts, too.
        self.refuses(name)
            || (of_tables
                && !Functions::makes_a_table(name)
                && !name.eq_ignore_ascii_case("format"))
    }

    /// Whether its first argument, of this kind and print, may be a structure with an expression in it.
    pub(super) fn may_hide_an_expression(name: &str, kind: &str, first: &str) -> bool {
        if !WITH_STRUCTURE.contains(&name) {
            return false;
        }
        let words = || first.split(|c: char| !c.is_alphanumeric() && c != '_');
        match kind {
            "Literal" if first.starts_with('\'') => OF_EXPRESSIONS
                .iter()
                .any(|known| words().any(|word| word.eq_ignore_ascii_case(known))),
            "Literal" => false,
            // What comes out of any other one is not known yet.
            _ => first != "tuple",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_computes_is_let_through() {
        let functions = Functions::sort(
            "file\tOther\t\tSystem\nlower\tString\t\tSystem\nlcase\t\tlower\tSystem\n\
             dictGet\tDictionary\t\tSystem\naiGenerate\tAI\t\tSystem\nbar\tOther\t\tSystem\n\
             newest\tNovelty\t\tSystem\nmine\t\t\tSQLUserDefined\nsum\tAggregate Functions\t\tSystem\n",
        );
        for refused in ["file", "FILE", "aiGenerate", "newest"] {
            assert!(functions.refuses(refused), "{refused}");
        }
        for fine in ["lower", "lcase", "LCASE", "bar", "mine", "sum", "sumIf", "nosuch", "dictGet"]
        {
            assert!(!functions.refuses(fine), "{fine}");
        }
        assert!(functions.is_of_dictionaries("dictget"));
        assert!(Functions::makes_a_table("numbers") && !Functions::makes_a_table("url"));
        let hides = Functions::may_hide_an_expression;
        assert!(hides("values", "Literal", "'x String, y String alias file(x)'"));
        assert!(hides("values", "Function", "concat"));
        assert!(!hides("values", "Literal", "'x DateTime64(3, \\'UTC\\'), defaults Int8'"));
        assert!(
            !hides("values", "Literal", "Tuple_(UInt64_1)")
                && !hides("values", "Function", "tuple")
        );
    }
}
