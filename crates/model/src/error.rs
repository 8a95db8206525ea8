//! Errors with a fate. What an error is called matters less than what happens next: is it tried
//! again, does the table stop, or is it our mistake.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Fate {
    /// May succeed when tried again: the network, a server that restarts, a full disk.
    Transient,
    /// Will not succeed until a person changes something.
    Definite,
    /// The store does not take the values of some of the rows, whenever they are tried.
    Refused,
    /// A broken promise inside Millrace.
    Bug,
}

/// What happened, why, and what helps. Never holds row values or secrets.
///
/// The grammar mirrors the fate: "could not …" may succeed next time, "cannot …" will not.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    fate: Fate,
    what: String,
    detail: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    fn new(fate: Fate, what: impl Into<String>) -> Error {
        let inner = Inner { fate, what: what.into(), detail: None, hint: None, source: None };
        Error { inner: Box::new(inner) }
    }

    pub fn transient(what: impl Into<String>) -> Error {
        Error::new(Fate::Transient, what)
    }

    pub fn definite(what: impl Into<String>) -> Error {
        Error::new(Fate::Definite, what)
    }

    pub fn refused(what: impl Into<String>) -> Error {
        Error::new(Fate::Refused, what)
    }

    pub fn bug(what: impl Into<String>) -> Error {
        Error::new(Fate::Bug, what)
    }

    /// Why, in sentences.
    pub fn detail(mut self, detail: impl Into<String>) -> Error {
        self.inner.detail = Some(detail.into());
        self
    }

    /// The command or statement that helps.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.inner.hint = Some(hint.into());
        self
    }

    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.inner.source = Some(source.into());
        self
    }

    /// Puts what was being done in front: `copy public.orders: could not read …`.
    pub fn context(mut self, doing: impl fmt::Display) -> Error {
        self.inner.what = format!("{doing}: {}", self.inner.what);
        self
    }

    /// The same as something that may pass: `cannot …` is `could not …` then.
    pub fn passing(mut self) -> Error {
        if self.inner.fate == Fate::Definite {
            self.inner.fate = Fate::Transient;
            self.inner.what = self.inner.what.replacen("cannot ", "could not ", 1);
        }
        self
    }

    /// The other way round.
    pub fn lasting(mut self) -> Error {
        if self.inner.fate == Fate::Transient {
            self.inner.fate = Fate::Definite;
            self.inner.what = self.inner.what.replacen("could not ", "cannot ", 1);
        }
        self
    }

    pub fn fate(&self) -> Fate {
        self.inner.fate
    }

    /// The first line alone, without detail, hint and causes.
    pub fn what(&self) -> &str {
        &self.inner.what
    }

    pub fn detail_text(&self) -> Option<&str> {
        self.inner.detail.as_deref()
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// What a person reads: the first line with its causes, then `detail:`, then `hint:`.
    pub fn report(&self) -> String {
        use std::fmt::Write;
        let mut text = self.inner.what.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        for (label, line) in [("detail", &self.inner.detail), ("hint", &self.inner.hint)] {
            if let Some(line) = line {
                let _ = write!(text, "\n{label}: {line}");
            }
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.what)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.inner.fate, self.report())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_reads_as_what_why_and_what_helps() {
        let error = Error::transient("could not reach 127.0.0.1:5432")
            .source(std::io::Error::other("connection refused"))
            .detail("Nothing listens there.")
            .hint("start Postgres")
            .context("open the stream");
        assert_eq!(
            error.report(),
            "open the stream: could not reach 127.0.0.1:5432: connection refused\n\
             detail: Nothing listens there.\nhint: start Postgres"
        );
        assert_eq!(error.fate(), Fate::Transient);
    }

    #[test]
    fn what_passes_after_all_says_so() {
        let error = Error::definite("cannot log in").hint("wait").context("open").passing();
        assert_eq!(error.report(), "open: could not log in\nhint: wait");
        assert_eq!(error.fate(), Fate::Transient);
        let error = error.lasting();
        assert_eq!((error.what(), error.fate()), ("open: cannot log in", Fate::Definite));
        assert_eq!(Error::bug("cannot be").passing().fate(), Fate::Bug);
    }
}
