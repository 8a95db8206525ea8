//! What a store of a test only passes on to another: `passes_on!(self => self.inner; query, cells);`.

/// Writes these methods of [`store::Store`].
macro_rules! passes_on {
    ($self:ident => $to:expr; $($method:ident),*) => {
        fn layout(&$self) -> &store::Layout {
            $crate::home::layout()
        }
        $($crate::passing::passes_on!(@$method $self, $to);)*
    };
    (@execute $self:ident, $to:expr) => {
        fn execute<'a>(&'a $self, sql: &'a str) -> store::BoxFuture<'a, model::Result<()>> {
            Box::pin(async move { $to.execute(sql).await })
        }
    };
    (@insert $self:ident, $to:expr) => {
        fn insert(
            &$self,
            insert: store::Insert,
        ) -> store::BoxFuture<'_, model::Result<store::Receipt>> {
            Box::pin(async move { $to.insert(insert).await })
        }
    };
    (@record $self:ident, $to:expr) => {
        fn record<'a>(
            &'a $self,
            into: &'a str,
            rows: store::Rows,
        ) -> store::BoxFuture<'a, model::Result<()>> {
            Box::pin(async move { $to.record(into, rows).await })
        }
    };
    (@query $self:ident, $to:expr) => {
        fn query<'a>(&'a $self, sql: &'a str) -> store::BoxFuture<'a, model::Result<store::Rows>> {
            Box::pin(async move { $to.query(sql).await })
        }
    };
    (@cells $self:ident, $to:expr) => {
        fn cells<'a>(
            &'a $self,
            sql: &'a str,
            kinds: Vec<model::Kind>,
        ) -> store::BoxFuture<'a, model::Result<Vec<model::Cells>>> {
            Box::pin(async move { $to.cells(sql, kinds).await })
        }
    };
    (@answer_beside $self:ident, $to:expr) => {
        fn answer_beside<'a>(
            &'a $self,
            sql: &'a str,
            format: &'static str,
            beside: store::Beside,
        ) -> store::BoxFuture<'a, model::Result<Option<Vec<u8>>>> {
            Box::pin(async move { $to.answer_beside(sql, format, beside).await })
        }
    };
}

pub(crate) use passes_on;
