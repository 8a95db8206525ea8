//! Reduce: a series becomes one number.

use super::frame::{Item, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reducer {
    Sum,
    Mean,
    Min,
    Max,
    Count,
    Last,
    Median,
}

/// What becomes of null, NaN and the infinities before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Mode {
    Strict,
    Drop,
    Replace(f64),
}

impl Reducer {
    pub(crate) fn parse(text: &str) -> Result<Reducer, String> {
        Ok(match text {
            "sum" => Reducer::Sum,
            "mean" | "avg" => Reducer::Mean,
            "min" => Reducer::Min,
            "max" => Reducer::Max,
            "count" => Reducer::Count,
            "last" => Reducer::Last,
            "median" => Reducer::Median,
            other => {
                return Err(format!(
                    "{other} is no reducer; there are sum, mean, min, max, count, last, median"
                ));
            }
        })
    }

    /// One null or NaN makes the number NaN, other than for `count` and `last`.
    pub(crate) fn of(self, values: &[Option<f64>]) -> Option<f64> {
        match self {
            Reducer::Count => return Some(values.len() as f64),
            Reducer::Last => return values.last().copied().unwrap_or(Some(f64::NAN)),
            _ => {}
        }
        let Some(all) = values.iter().copied().collect::<Option<Vec<f64>>>() else {
            return Some(f64::NAN);
        };
        if all.iter().any(|value| value.is_nan()) || (all.is_empty() && self != Reducer::Sum) {
            return Some(f64::NAN);
        }
        Some(match self {
            Reducer::Mean => all.iter().sum::<f64>() / all.len() as f64,
            Reducer::Min => all.iter().copied().fold(f64::INFINITY, f64::min),
            Reducer::Max => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Reducer::Median => median(all),
            // Not `sum`, whose nothing is -0.
            _ => all.iter().fold(0.0, |sum, value| sum + value),
        })
    }
}

/// Of an even count, the mean of the two in the middle.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match all.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => all[middle],
        _ => f64::midpoint(all[middle - 1], all[middle]),
    }
}

impl Mode {
    fn apply(self, value: Option<f64>) -> Option<Option<f64>> {
        let is_number = value.is_some_and(f64::is_finite);
        match self {
            Mode::Strict => Some(value),
            Mode::Drop => is_number.then_some(value),
            Mode::Replace(with) => Some(if is_number { value } else { Some(with) }),
        }
    }
}

/// A number passes as it is. A series of which nothing is left after dropping has no value, so it is no data.
pub(crate) fn reduce(items: &[Item], reducer: Reducer, mode: Mode) -> Vec<Item> {
    let one = |item: &Item| {
        let value = match &item.value {
            Value::Number(value) => mode.apply(*value).flatten(),
            Value::Series(points) => {
                let values: Vec<_> =
                    points.iter().filter_map(|(_, value)| mode.apply(*value)).collect();
                let value = reducer.of(&values);
                if mode == Mode::Drop { value.filter(|value| !value.is_nan()) } else { value }
            }
        };
        Item::number(item.labels.clone(), value)
    };
    items.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    fn reduced(values: &[Option<f64>], reducer: &str, mode: Mode) -> String {
        let points = values.iter().enumerate().map(|(at, value)| (at as i64, *value)).collect();
        let item = Item { labels: Labels::new(), value: Value::Series(points) };
        let found = reduce(&[item], Reducer::parse(reducer).unwrap(), mode);
        match found[0].value {
            Value::Number(value) => value.map_or("null".to_owned(), |value| value.to_string()),
            Value::Series(_) => unreachable!(),
        }
    }

    #[test]
    fn each_function_in_each_mode() {
        let plain = [Some(3.0), Some(1.0), Some(2.0), Some(6.0)];
        let with_null = [Some(3.0), None, Some(1.0)];
        let with_nan = [Some(3.0), Some(NAN), Some(1.0)];
        let with_inf = [Some(3.0), Some(INF), Some(1.0)];
        let last_null = [Some(3.0), None];
        for (values, reducer, strict, dropped, replaced) in [
            (&plain[..], "sum", "12", "12", "12"),
            (&plain, "mean", "3", "3", "3"),
            (&plain, "min", "1", "1", "1"),
            (&plain, "max", "6", "6", "6"),
            (&plain, "count", "4", "4", "4"),
            (&plain, "last", "6", "6", "6"),
            (&plain, "median", "2.5", "2.5", "2.5"),
            (&with_null, "sum", "NaN", "4", "14"),
            (&with_null, "mean", "NaN", "2", "4.666666666666667"),
            (&with_null, "min", "NaN", "1", "1"),
            (&with_null, "max", "NaN", "3", "10"),
            (&with_null, "count", "3", "2", "3"),
            (&with_null, "last", "1", "1", "1"),
            (&with_null, "median", "NaN", "2", "3"),
            (&with_nan, "sum", "NaN", "4", "14"),
            (&with_nan, "count", "3", "2", "3"),
            (&with_inf, "sum", "inf", "4", "14"),
            (&with_inf, "max", "inf", "3", "10"),
            (&last_null, "last", "null", "3", "10"),
            (&[], "sum", "0", "0", "0"),
            (&[], "count", "0", "0", "0"),
            (&[], "mean", "NaN", "null", "NaN"),
            (&[], "min", "NaN", "null", "NaN"),
            (&[], "last", "NaN", "null", "NaN"),
            (&[], "median", "NaN", "null", "NaN"),
        ] {
            assert_eq!(
                reduced(values, reducer, Mode::Strict),
                strict,
                "{values:?} {reducer} strict"
            );
            assert_eq!(reduced(values, reducer, Mode::Drop), dropped, "{values:?} {reducer} drop");
            assert_eq!(
                reduced(values, reducer, Mode::Replace(10.0)),
                replaced,
                "{values:?} {reducer} replace"
            );
        }
    }

    #[test]
    fn a_number_is_not_reduced() {
        let item = |value| [Item::number(Labels::new(), value)];
        for (value, mode, after) in [
            (Some(5.0), Mode::Strict, Some(5.0)),
            (None, Mode::Strict, None),
            (Some(NAN), Mode::Drop, None),
            (None, Mode::Replace(1.0), Some(1.0)),
        ] {
            assert_eq!(reduce(&item(value), Reducer::Sum, mode), item(after));
        }
        assert!(Reducer::parse("first").is_err());
    }
}
