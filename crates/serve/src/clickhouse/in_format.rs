//! An error in the form of its answer's format, for clients that ask for it
//! (`http_write_exception_in_output_format`): they parse what they get, whatever it is.

use serde_json::Value;

/// In the place of an answer; `None`: the format has no place for it.
pub(super) fn error(format: &str, text: &str) -> Option<String> {
    let text = text.trim_end();
    let json = Value::from(text).to_string();
    let format = format.to_ascii_lowercase();
    if let Some(row) = row(&format, &json) {
        return Some(row);
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

/// Behind rows: one of its own, or before the end of their document, which is not sent yet.
pub(super) fn error_behind(format: &str, text: &str, end: &[u8]) -> Option<String> {
    let text = text.trim_end();
    let json = Value::from(text).to_string();
    let format = format.to_ascii_lowercase();
    if let Some(row) = row(&format, &json) {
        return Some(row);
    }
    let end = std::str::from_utf8(end).ok()?;
    match format.as_str() {
        "json" | "jsoncompact" | "jsonstrings" | "jsoncompactstrings" | "jsonobjecteachrow" => {
            let before = end.strip_suffix("\n}\n")?;
            Some(format!("{before},\n\n\t\"exception\": {json}\n}}\n"))
        }
        "xml" => {
            let before = end.strip_suffix("</result>\n")?;
            Some(format!("{before}\t<exception>{}</exception>\n</result>\n", escape(text)))
        }
        _ => None,
    }
}

fn row(format: &str, json: &str) -> Option<String> {
    match format {
        "jsoneachrow" | "jsonlines" | "jsonl" | "ndjson" | "jsonstringseachrow" => {
            Some(format!("{{\"exception\": {json}}}\n"))
        }
        "jsoncompacteachrow"
        | "jsoncompacteachrowwithnames"
        | "jsoncompacteachrowwithnamesandtypes"
        | "jsoncompactstringseachrow" => Some(format!("[{json}]\n")),
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
            let parsed: Value = serde_json::from_str(&error(format, text).unwrap()).unwrap();
            assert_eq!(parsed["exception"], text.trim_end(), "{format}");
        }
        let row: Value =
            serde_json::from_str(&error_behind("JSONCompactEachRow", text, b"").unwrap()).unwrap();
        assert_eq!(row[0], text.trim_end());
        assert!(error("XML", text).unwrap().contains("\"x\" &lt; \n"));
        let end = error_behind("JSON", text, b"\t1],\n\t\"rows\": 1\n}\n").unwrap();
        let whole: Value = serde_json::from_str(&format!("{{\"data\": [{end}")).unwrap();
        assert_eq!(whole["exception"], text.trim_end());
        assert_eq!(error_behind("JSON", text, b"\t\t}"), None);
        assert_eq!(error("CSV", text), None);
    }
}
