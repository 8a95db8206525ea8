//! What an order brings: a column says it, or a price and how many were bought. And what says that it brings nothing.

use super::quoting::ident;
use super::recognise::{Look, Part, is_number, is_time, is_word, said};
use store::Type;

/// Of the whole order, in the order in which they are preferred.
const AMOUNTS: [&str; 10] = [
    "total",
    "total_amount",
    "amount_total",
    "grand_total",
    "order_total",
    "total_price",
    "amount",
    "total_cents",
    "total_price_cents",
    "amount_cents",
];
/// Of one of what was bought: beside a `unit_price` a `price` may be anything.
const PRICES: [&str; 4] = ["unit_price", "price", "unit_price_cents", "price_cents"];
const QUANTITIES: [&str; 2] = ["quantity", "qty"];
/// Set when an order was taken back, and NULL until then.
const TAKEN_BACK: [&str; 10] = [
    "cancelled_at",
    "cancelled_on",
    "canceled_at",
    "canceled_on",
    "refunded_at",
    "refunded_on",
    "voided_at",
    "voided_on",
    "deleted_at",
    "deleted_on",
];
const CANCELLED: [&str; 2] = ["cancelled", "canceled"];
/// ClickHouse's decimals have no more digits.
const DIGITS_MOST: u8 = 76;
/// Behind the point: those of a `numeric` without any said, and half of what there is.
const SCALE_MOST: u8 = 38;

pub(in crate::cli::init) struct Revenue<'a> {
    amount: Amount<'a>,
    pub(in crate::cli::init) status: Status<'a>,
    /// Each takes the order back where it is set.
    times: Vec<Part<'a>>,
}

enum Amount<'a> {
    Whole(Part<'a>),
    Product { price: Part<'a>, quantity: Part<'a> },
}

pub(in crate::cli::init) enum Status<'a> {
    None,
    /// The enum's labels of a cancelled order.
    Cancels(Part<'a>, Vec<String>),
    /// What its values mean is not known.
    Any(Part<'a>),
}

impl<'a> Revenue<'a> {
    pub(super) fn find(look: &Look<'a>) -> Option<Revenue<'a>> {
        let number = |names| look.named(names).find(is_number);
        let amount = match (number(&AMOUNTS), number(&PRICES), number(&QUANTITIES)) {
            (Some(whole), ..) => Amount::Whole(whole),
            (None, Some(price), Some(quantity)) => Amount::Product { price, quantity },
            _ => Amount::Whole(number(&["price"])?),
        };
        // One that every order has is not set by what became of it.
        let is_set = |part: &Part<'_>| is_time(part) && store::takes_null(part.clickhouse);
        let times = look.named(&TAKEN_BACK).filter(is_set).collect();
        Some(Revenue { amount, status: status(look), times })
    }

    pub(super) fn amount_evidence(&self) -> Vec<String> {
        match &self.amount {
            Amount::Whole(amount) => vec![said(amount, "how much")],
            Amount::Product { price, quantity } => vec![
                said(price, "what one costs"),
                said(quantity, "how many"),
                format!("no column is called total or amount, so revenue is {}", self.told()),
            ],
        }
    }

    pub(super) fn cancel_evidence(&self) -> Vec<String> {
        let means = "how it stands";
        let status = match &self.status {
            Status::None => None,
            Status::Any(status) => {
                Some(format!("{}; what its values mean is not known", said(status, means)))
            }
            Status::Cancels(status, labels) => {
                Some(format!("{}, which may be {}", said(status, means), labels.join(", ")))
            }
        };
        let time = |part: &Part<'_>| {
            let when = said(part, &format!("when it was {}", taken_back(part)));
            format!("{when}: where it is set, the order brings nothing")
        };
        status.into_iter().chain(self.times.iter().map(time)).collect()
    }

    /// Of the mart's column.
    pub(in crate::cli::init) fn name(&self) -> &str {
        match &self.amount {
            Amount::Whole(amount) => &amount.name,
            Amount::Product { .. } => "revenue",
        }
    }

    /// The type of its sum.
    pub(super) fn data_type(&self) -> String {
        match &self.amount {
            Amount::Whole(amount) => sum_of(amount.clickhouse).unwrap_or_default(),
            Amount::Product { price, quantity } => {
                product(price.clickhouse, quantity.clickhouse).data_type
            }
        }
    }

    /// What it is the sum of, for people.
    pub(super) fn told(&self) -> String {
        match &self.amount {
            Amount::Whole(amount) => amount.name.clone(),
            Amount::Product { price, quantity } => format!("{} x {}", price.name, quantity.name),
        }
    }

    /// Of an order `o`.
    pub(in crate::cli::init) fn sql(&self) -> String {
        match &self.amount {
            Amount::Whole(amount) => format!("o.{}", ident(&amount.name)),
            Amount::Product { price, quantity } => {
                let product = product(price.clickhouse, quantity.clickhouse);
                let (one, many) = (ident(&price.name), ident(&quantity.name));
                let one = format!("cast(o.{one} as {})", product.price_type);
                match product.scale {
                    Some(scale) => format!("multiplyDecimal({one}, o.{many}, {scale})"),
                    None => format!("{one} * o.{many}"),
                }
            }
        }
    }

    /// Whether an order `o` was taken back, and how that is called; `None`: nothing says so.
    pub(in crate::cli::init) fn gone(&self) -> Option<(String, String)> {
        let (mut conditions, mut words) = (Vec::new(), Vec::new());
        if let Status::Cancels(status, labels) = &self.status {
            let labels: Vec<String> =
                labels.iter().map(|label| store::ddl::literal(label)).collect();
            let status = ident(&status.name);
            conditions.push(format!("ifNull(o.{status} in ({}), false)", labels.join(", ")));
            words.push(CANCELLED[0]);
        }
        for time in &self.times {
            conditions.push(format!("o.{} is not null", ident(&time.name)));
            words.push(taken_back(time));
        }
        words.dedup();
        (!words.is_empty()).then(|| (conditions.join(" or "), words.join(" or ")))
    }
}

fn status<'a>(look: &Look<'a>) -> Status<'a> {
    let Some(status) = look.named(&["status", "state", "order_status"]).find(is_word) else {
        return Status::None;
    };
    let labels = status.surveyed.map_or(&[][..], |surveyed| &surveyed.labels);
    let is_cancelled = |label: &&String| CANCELLED.contains(&label.to_lowercase().as_str());
    let cancelled: Vec<String> = labels.iter().filter(is_cancelled).cloned().collect();
    match cancelled.is_empty() {
        true => Status::Any(status),
        false => Status::Cancels(status, cancelled),
    }
}

/// `refunded` of `refunded_at`.
fn taken_back<'a>(time: &Part<'a>) -> &'a str {
    let word = time.name.rsplit_once('_').map_or(time.name.as_str(), |(word, _)| word);
    if CANCELLED.contains(&word) { CANCELLED[0] } else { word }
}

/// The type of a sum; `None`: it is no number.
pub(super) fn sum_of(clickhouse: &str) -> Option<String> {
    let ty = Type::parse(clickhouse);
    let sum = match (ty.decimal(), ty.integer()) {
        (Some((digits, scale)), _) => {
            format!("Decimal({}, {scale})", if digits > 38 { DIGITS_MOST } else { 38 })
        }
        (None, Some((true, ..=64))) => "Int64".to_owned(),
        (None, Some((false, ..=64))) => "UInt64".to_owned(),
        (None, None) if ty.name().starts_with("Float") => "Float64".to_owned(),
        _ => return None,
    };
    Some(nullable(sum, ty.nullable))
}

fn nullable(ty: String, is_nullable: bool) -> String {
    if is_nullable { format!("Nullable({ty})") } else { ty }
}

struct Product {
    /// The engine multiplies in the type of its factors, which holds a product only if it is wide enough.
    price_type: String,
    data_type: String,
    /// As multiplied by `multiplyDecimal`: digits behind the point, where `*` would want more than there are.
    scale: Option<u8>,
}

fn product(price: &str, quantity: &str) -> Product {
    let (one, many) = (Type::parse(price), Type::parse(quantity));
    // Digits of a number, and how many of them are behind the point.
    let digits = |ty: &Type| {
        let whole = ty.integer().map(|(_, bits)| (if bits > 32 { 20 } else { 10 }, 0));
        ty.decimal().or(whole)
    };
    let is_nullable = one.nullable || many.nullable;
    let (is_whole, digits) =
        (one.decimal().or(many.decimal()).is_none(), digits(&one).zip(digits(&many)));
    let Some(((one_digits, one_scale), (many_digits, many_scale))) = digits else {
        let price_type = nullable("Float64".to_owned(), one.nullable);
        let data_type = nullable("Float64".to_owned(), is_nullable);
        return Product { price_type, data_type, scale: None };
    };
    if is_whole {
        let price_type = nullable("Int64".to_owned(), one.nullable);
        let data_type = nullable("Int64".to_owned(), is_nullable);
        return Product { price_type, data_type, scale: None };
    }
    let width = if one_digits + many_digits > 38 { DIGITS_MOST } else { 38 };
    let scale = one_scale + many_scale;
    let decimal = |scale: u8| format!("Decimal({width}, {scale})");
    Product {
        price_type: nullable(decimal(one_scale), one.nullable),
        data_type: nullable(decimal(scale.min(SCALE_MOST)), is_nullable),
        scale: (scale > SCALE_MOST).then_some(SCALE_MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_room() {
        for (price, quantity, price_type, data_type, scale) in [
            ("Decimal(6, 2)", "Int32", "Decimal(38, 2)", "Decimal(38, 2)", None),
            ("Int32", "Int64", "Int64", "Int64", None),
            ("Int32", "Decimal(8, 3)", "Decimal(38, 0)", "Decimal(38, 3)", None),
            (
                "Nullable(Decimal(30, 2))",
                "Decimal(9, 3)",
                "Nullable(Decimal(76, 2))",
                "Nullable(Decimal(76, 5))",
                None,
            ),
            (
                "Decimal(76, 38)",
                "Nullable(Decimal(76, 38))",
                "Decimal(76, 38)",
                "Nullable(Decimal(76, 38))",
                Some(38),
            ),
            ("Float64", "Int32", "Float64", "Float64", None),
            ("Decimal(6, 2)", "Nullable(Float32)", "Float64", "Nullable(Float64)", None),
        ] {
            let found = product(price, quantity);
            assert_eq!(
                (found.price_type.as_str(), found.data_type.as_str(), found.scale),
                (price_type, data_type, scale),
                "{price} x {quantity}"
            );
        }
    }
}
