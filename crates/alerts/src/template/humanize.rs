//! Numbers for people, as Prometheus writes them.

use super::go;

/// `1.234k`
pub(super) fn decimal(mut value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return go::general(value, 4);
    }
    let mut prefix = "";
    if value.abs() >= 1.0 {
        for name in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            prefix = name;
            value /= 1000.0;
        }
    } else {
        for name in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if value.abs() >= 1.0 {
                break;
            }
            prefix = name;
            value *= 1000.0;
        }
    }
    format!("{}{prefix}", go::general(value, 4))
}

/// `1ki`
pub(super) fn binary(mut value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return go::general(value, 4);
    }
    let mut prefix = "";
    for name in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if value.abs() < 1024.0 {
            break;
        }
        prefix = name;
        value /= 1024.0;
    }
    format!("{}{prefix}", go::general(value, 4))
}

/// `1h 2m 3s`
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return go::general(seconds, 4);
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds.abs() < 1.0 {
        let mut value = seconds;
        for name in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            value *= 1000.0;
            if value.abs() >= 1.0 {
                return format!("{}{name}s", go::general(value, 4));
            }
        }
        return "0s".to_owned();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let all = seconds.abs() as u64;
    let (days, hours, minutes, rest) = (all / 86_400, all / 3_600 % 24, all / 60 % 60, all % 60);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {rest}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {rest}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {rest}s")
    } else {
        format!("{sign}{}s", go::general(seconds.abs(), 4))
    }
}
