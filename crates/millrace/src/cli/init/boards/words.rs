//! The shop's SQL in the words of another project: relations, columns and phrases are replaced where they stand as
//! code, each once and the longest first, so that nothing that was put in is read again.

/// How one table of the user's answers what the shop's do.
#[derive(Clone, Default)]
pub(super) struct Words(Vec<(String, Option<String>)>);

/// Where the shop's own rows are. What reads them and was not replaced cannot be fitted.
const PLACES: [&str; 5] = ["marts.", "staging.", "analytics.", "public.", "'analytics'"];

impl Words {
    pub(super) fn with(mut self, shop: &str, own: impl Into<String>) -> Words {
        self.add(shop, Some(own.into()));
        self
    }

    /// What there is nothing for: SQL that has it is left out.
    pub(super) fn without(mut self, shop: &[&str]) -> Words {
        shop.iter().for_each(|shop| self.add(shop, None));
        self
    }

    fn add(&mut self, shop: &str, own: Option<String>) {
        self.0.push((shop.to_owned(), own));
        self.0.sort_by_key(|(shop, _)| std::cmp::Reverse(shop.len()));
    }

    /// `None`: not all of it has a counterpart.
    pub(super) fn fit(&self, sql: &str) -> Option<String> {
        let mut fitted = String::with_capacity(sql.len());
        let mut at = 0;
        while at < sql.len() {
            if let Some((shop, own)) = self.0.iter().find(|(shop, _)| stands(sql, at, shop)) {
                fitted += own.as_ref()?;
                at += shop.len();
                continue;
            }
            if PLACES.iter().any(|place| stands_open(sql, at, place)) {
                return None;
            }
            let end = at + quoted(&sql[at..]);
            fitted += &sql[at..end];
            at = end;
        }
        Some(fitted)
    }
}

/// As whole words, and not as a column of something.
fn stands(sql: &str, at: usize, shop: &str) -> bool {
    let behind = sql[at..].strip_prefix(shop).filter(|_| stands_open(sql, at, shop));
    behind.is_some_and(|behind| !(shop.ends_with(is_word) && behind.starts_with(is_word)))
}

fn stands_open(sql: &str, at: usize, shop: &str) -> bool {
    let is_part = |before: char| is_word(before) || before == '.';
    sql[at..].starts_with(shop) && !(shop.starts_with(is_word) && sql[..at].ends_with(is_part))
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Bytes of what begins here: a text or a name in its quotes, or one letter. The shop escapes none.
fn quoted(sql: &str) -> usize {
    let Some(first) = sql.chars().next() else { return 0 };
    match sql[first.len_utf8()..].find(first).filter(|_| ['\'', '"', '`'].contains(&first)) {
        Some(inside) => inside + 2,
        None => first.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_once_and_where_they_are_code() {
        let words = Words::default()
            .with("minute", "e.`minute`")
            .with("sum(events)", "count()")
            .with("marts.per_minute", "public.clicks AS e")
            .with("'a' AS x", "'b' AS x")
            .without(&["sum(errors)"]);
        let sql = "SELECT 'a' AS x, minute, sum(events) AS \"minute\", toStartOfMinute(m.minute), 'minute' FROM marts.per_minute";
        let fitted = "SELECT 'b' AS x, e.`minute`, count() AS \"minute\", toStartOfMinute(m.minute), 'minute' FROM public.clicks AS e";
        assert_eq!(words.fit(sql).as_deref(), Some(fitted));
        for sql in ["sum(errors)", "FROM public.orders", "FROM marts.per_minutes", "= 'analytics'"]
        {
            assert_eq!(words.fit(sql), None, "{sql}");
        }
        assert_eq!(
            words.fit("FROM millrace.samples é").as_deref(),
            Some("FROM millrace.samples é")
        );
    }
}
