//! An error in the form of its answer's format, for clients that ask for it
//! (`http_write_exception_in_output_format`): they parse what they get, whatever it is.

use serde_json::Value;

/// `None`: the format has no place for it. `is_begun`: behind rows; there a document has none.
pub(super) fn error(format: &str, text: &str, is_begun: bool) -> Option<String> {
    let text = text.trim_end();
    let json = Value::from(text).to_string();
    let format = format.to_ascii_lowercase();
    match format.as_str() {
        "jsoneachrow" | "jsonlines" | "jsonl" | "ndjson" | "jsonstringseachrow" => {
            return Some(format!("{{\"exception\": {json}}}\n"));
        }
        "jsoncompacteachrow"
        | "jsoncompacteachrowwithnames"
        | "jsoncompacteachrowwithnamesandtypes"
        | "jsoncompactstringseachrow" => return Some(format!("[{json}]\n")),
        _ if is_begun => return None,
        _ => {}
    }
    match format.as_str() {
        "json" | "jsoncompact" | "jsonstrings" | "jsoncompactstrings" => Some(format!(
            "{{\n\t\"meta\":\n\t[\n\n\t],\n\n\t\"data\":\n\t[\n\n\t],\n\n\t\"rows\": 0,\n\n\
             \t\"exception\": {json}\n}}\n"
        )),
        "jsonobjecteachrow" | "jsoncolumns" => Some(format!("{{\n\t\"exception\": {json}\n}}\n")),
        "xml" => Some(format!(
            "<?xml version='1.0' encoding='UTF-8' ?>\n<result>\n\t<meta>\n\t\t<columns>\n\
             \t\t</columns>\n\t</meta>\n\t<data>\n\t</data>\n\t<rows>0</rows>\n\
             \t<exception>{}</exception>\n</result>\n",
            escape(text)
        )),
        _ => None,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_can_be_parsed_as_its_format() {
        let text = "Code: 1. DB::Exception: \"x\" < \n (A)\n";
        for format in ["JSON", "JSONCompact", "JSONEachRow", "JSONObjectEachRow"] {
            let parsed: Value = serde_json::from_str(&error(format, text, false).unwrap()).unwrap();
            assert_eq!(parsed["exception"], text.trim_end(), "{format}");
        }
        let row: Value =
            serde_json::from_str(&error("JSONCompactEachRow", text, true).unwrap()).unwrap();
        assert_eq!(row[0], text.trim_end());
        assert!(error("XML", text, false).unwrap().contains("\"x\" &lt; \n"));
        assert_eq!(error("JSON", text, true), None);
        assert_eq!(error("CSV", text, false), None);
    }
}
