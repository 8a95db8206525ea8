//! Resample: a series gets the time stamps of a grid, so that two series can meet.

use super::frame::{Item, Value};
use super::reduce::Reducer;

const POINTS_PER_SERIES_MAX: i64 = 100_000;

/// What a window without points gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upsample {
    Pad,
    Backfill,
    FillNan,
}

impl Upsample {
    pub(crate) fn parse(text: &str) -> Result<Upsample, String> {
        Ok(match text {
            "pad" => Upsample::Pad,
            "backfilling" | "backfill" => Upsample::Backfill,
            "fillna" => Upsample::FillNan,
            other => {
                return Err(format!("{other} is no upsampler; there are pad, backfilling, fillna"));
            }
        })
    }
}

/// A window ends at its time stamp and reaches back to the one before.
pub(crate) fn resample(
    item: &Item,
    window_ms: i64,
    down: Reducer,
    up: Upsample,
    (from_ms, to_ms): (i64, i64),
) -> Result<Item, String> {
    let Value::Series(points) = &item.value else {
        return Err("resample takes a time series, and this is a number".to_owned());
    };
    if window_ms <= 0 || (to_ms - from_ms) / window_ms >= POINTS_PER_SERIES_MAX {
        return Err(format!(
            "resample makes at most {POINTS_PER_SERIES_MAX} points of a series; widen the window"
        ));
    }
    let mut out = Vec::new();
    let (mut next, mut last) = (0, None);
    let mut at = from_ms;
    while at <= to_ms {
        let start = next;
        while next < points.len() && points[next].0 <= at {
            next += 1;
        }
        let window: Vec<Option<f64>> =
            points[start..next].iter().map(|(_, value)| *value).collect();
        let value = match up {
            _ if !window.is_empty() => down.of(&window),
            Upsample::Pad => last,
            Upsample::Backfill => points.get(next).and_then(|(_, value)| *value),
            Upsample::FillNan => Some(f64::NAN),
        };
        if let Some(newest) = window.last() {
            last = *newest;
        }
        out.push((at, value));
        at += window_ms;
    }
    Ok(Item { labels: item.labels.clone(), value: Value::Series(out) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;

    fn resampled(points: &[(i64, f64)], down: Reducer, up: Upsample) -> String {
        let points = points.iter().map(|(at, value)| (*at, Some(*value))).collect();
        let item = Item { labels: Labels::new(), value: Value::Series(points) };
        let Value::Series(out) = resample(&item, 10, down, up, (0, 40)).unwrap().value else {
            unreachable!()
        };
        let shown = |(at, value): &(i64, Option<f64>)| {
            format!("{at}={}", value.map_or("null".to_owned(), |v| v.to_string()))
        };
        out.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn windows_are_reduced_and_gaps_filled() {
        let points = [(5, 1.0), (9, 3.0), (31, 7.0)];
        for (down, up, out) in [
            (Reducer::Mean, Upsample::Pad, "0=null 10=2 20=3 30=3 40=7"),
            (Reducer::Last, Upsample::Backfill, "0=1 10=3 20=7 30=7 40=7"),
            (Reducer::Sum, Upsample::FillNan, "0=NaN 10=4 20=NaN 30=NaN 40=7"),
            (Reducer::Min, Upsample::Pad, "0=null 10=1 20=3 30=3 40=7"),
            (Reducer::Max, Upsample::Pad, "0=null 10=3 20=3 30=3 40=7"),
        ] {
            assert_eq!(resampled(&points, down, up), out, "{down:?} {up:?}");
        }
        assert_eq!(
            resampled(&[(0, 1.0), (10, 2.0)], Reducer::Last, Upsample::Backfill),
            "0=1 10=2 20=null 30=null 40=null"
        );
    }

    #[test]
    fn a_resample_is_bounded() {
        let series = Item { labels: Labels::new(), value: Value::Series(vec![]) };
        assert!(resample(&series, 1, Reducer::Last, Upsample::Pad, (0, 1_000_000)).is_err());
        assert!(resample(&series, 0, Reducer::Last, Upsample::Pad, (0, 1)).is_err());
        let number = Item::number(Labels::new(), Some(1.0));
        assert!(resample(&number, 1, Reducer::Last, Upsample::Pad, (0, 1)).is_err());
    }
}
