//! Panels that are left move up and take the room of those that are not: 24 columns without a hole.
//!
//! ```text
//! band      panels beside each other, down to where all of them end
//! stack     those of a band that stand one above the other
//! ```

use serde_json::{Value, json};

pub(super) const COLUMNS: u64 = 24;

/// `before`: all that there were; `keeps`: which of them stay.
pub(super) fn flow(before: Vec<Value>, keeps: &[bool]) -> Vec<Value> {
    let mut panels: Vec<(Value, bool)> = before.into_iter().zip(keeps.iter().copied()).collect();
    panels.sort_by_key(|(panel, _)| (place(panel, "y"), place(panel, "x")));
    let (mut flown, mut y) = (Vec::new(), 0);
    let mut rest = panels.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut end = place(&first.0, "y") + place(&first.0, "h");
        let mut band = vec![first];
        while let Some(next) = rest.next_if(|(panel, _)| place(panel, "y") < end) {
            end = end.max(place(&next.0, "y") + place(&next.0, "h"));
            band.push(next);
        }
        let (panels, height) = settle(band, y);
        flown.extend(panels);
        y += height;
    }
    without_empty_rows(flown)
}

/// A band of those that stay, and how high it is.
fn settle(band: Vec<(Value, bool)>, y: u64) -> (Vec<Value>, u64) {
    let top = band.iter().map(|(panel, _)| place(panel, "y")).min().unwrap_or(0);
    let bottom = band.iter().map(|(panel, _)| place(panel, "y") + place(panel, "h")).max();
    let height = bottom.unwrap_or(top) - top;
    let mut stacks: Vec<(u64, u64, Vec<Value>)> = Vec::new();
    for (panel, _) in band.into_iter().filter(|(_, keeps)| *keeps) {
        let (x, w) = (place(&panel, "x"), place(&panel, "w"));
        match stacks.iter_mut().find(|stack| stack.0 == x) {
            Some(stack) => stack.2.push(panel),
            None => stacks.push((x, w, vec![panel])),
        }
    }
    if stacks.is_empty() {
        return (Vec::new(), 0);
    }
    stacks.sort_by_key(|stack| stack.0);
    let widths = shares(COLUMNS, &stacks.iter().map(|stack| stack.1).collect::<Vec<_>>());
    let (mut settled, mut x) = (Vec::new(), 0);
    for ((_, _, panels), w) in stacks.into_iter().zip(widths) {
        let heights: Vec<u64> = panels.iter().map(|panel| place(panel, "h")).collect();
        let mut above = y;
        for (mut panel, h) in panels.into_iter().zip(shares(height, &heights)) {
            panel["gridPos"] = json!({"h": h, "w": w, "x": x, "y": above});
            above += h;
            settled.push(panel);
        }
        x += w;
    }
    (settled, height)
}

/// `whole` in such proportions, without a rest.
fn shares(whole: u64, parts: &[u64]) -> Vec<u64> {
    let sum: u64 = parts.iter().sum::<u64>().max(1);
    let upto = |count: usize| {
        let sum_of: u64 = parts[..count].iter().sum();
        (whole * sum_of + sum / 2) / sum
    };
    (0..parts.len()).map(|at| upto(at + 1) - upto(at)).collect()
}

/// A headline with nothing below it.
fn without_empty_rows(panels: Vec<Value>) -> Vec<Value> {
    let is_row = |panel: &Value| panel["type"] == "row";
    let (mut kept, mut gone) = (Vec::new(), 0);
    for (at, panel) in panels.iter().enumerate() {
        if is_row(panel) && panels.get(at + 1).is_none_or(is_row) {
            gone += place(panel, "h");
            continue;
        }
        let mut panel = panel.clone();
        panel["gridPos"]["y"] = json!(place(&panel, "y") - gone);
        kept.push(panel);
    }
    kept
}

fn place(panel: &Value, side: &str) -> u64 {
    panel["gridPos"][side].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(id: u64, x: u64, y: u64, w: u64, h: u64) -> Value {
        let kind = if h == 1 { "row" } else { "stat" };
        json!({"id": id, "type": kind, "gridPos": {"h": h, "w": w, "x": x, "y": y}})
    }

    #[test]
    fn no_hole_is_left() {
        let panels = vec![
            panel(1, 0, 0, 4, 4),
            panel(2, 4, 0, 8, 4),
            panel(3, 12, 0, 12, 4),
            panel(4, 0, 4, 24, 1),
            panel(5, 0, 5, 24, 8),
            panel(6, 0, 13, 24, 1),
            panel(7, 0, 14, 10, 9),
            panel(8, 10, 14, 4, 4),
            panel(9, 10, 18, 4, 5),
            panel(10, 14, 14, 10, 9),
        ];
        let keeps = [true, true, false, true, false, true, true, false, true, true];
        let expected = vec![
            panel(1, 0, 0, 8, 4),
            panel(2, 8, 0, 16, 4),
            panel(6, 0, 4, 24, 1),
            panel(7, 0, 5, 10, 9),
            panel(9, 10, 5, 4, 9),
            panel(10, 14, 5, 10, 9),
        ];
        assert_eq!(flow(panels, &keeps), expected);
    }
}
