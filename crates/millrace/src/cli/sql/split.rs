//! Where one statement ends and the next begins.

/// Whether a quote or a comment waits for its end.
pub(super) fn is_open(text: &str) -> bool {
    Scan::default().feed(text).is_open()
}

/// Splits at `;` outside of quotes and comments.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut scan = Scan::default();
    scan.feed(text);
    let mut statements = Vec::new();
    let mut from = 0;
    for end in scan.ends.iter().copied().chain([text.len()]) {
        let statement = text[from..end].trim();
        if !statement.is_empty() {
            statements.push(statement.to_owned());
        }
        from = (end + 1).min(text.len());
    }
    statements
}

/// Where statements end.
#[derive(Default)]
struct Scan {
    ends: Vec<usize>,
    inside: Option<Inside>,
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Quote(u8),
    Line,
    Block,
}

impl Scan {
    /// A comment that runs to the end of the line may stay open: nothing waits for its end.
    fn is_open(&self) -> bool {
        matches!(self.inside, Some(Inside::Quote(_) | Inside::Block))
    }

    fn feed(&mut self, text: &str) -> &Scan {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (this, next) = (bytes[at], bytes.get(at + 1).copied());
            let mut step = 1;
            match self.inside {
                None => match (this, next) {
                    (b'\'' | b'"' | b'`', _) => self.inside = Some(Inside::Quote(this)),
                    (b'-', Some(b'-')) => self.inside = Some(Inside::Line),
                    (b'/', Some(b'*')) => (self.inside, step) = (Some(Inside::Block), 2),
                    (b';', _) => self.ends.push(at),
                    _ => {}
                },
                Some(Inside::Quote(_)) if this == b'\\' => step = 2,
                Some(Inside::Quote(quote)) if this == quote => self.inside = None,
                Some(Inside::Line) if this == b'\n' => self.inside = None,
                Some(Inside::Block) if (this, next) == (b'*', Some(b'/')) => {
                    (self.inside, step) = (None, 2);
                }
                Some(_) => {}
            }
            at += step;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_outside_of_quotes_and_comments() {
        let text = "select ';', \"a;b\" -- not; here\n; select /* ; */ 2;\n select 'it\\'s;' ";
        let split = statements(text);
        assert_eq!(split.len(), 3, "{split:?}");
        assert_eq!(split[1], "select /* ; */ 2");
        assert_eq!(statements(" ;; "), Vec::<String>::new());
        assert!(is_open("select 'a;") && !is_open("select 'a';"));
        assert!(!is_open("select 1 -- it's"));
    }
}
