//! Times as STAC has them: RFC 3339.

/// Checks a time such as `2024-05-01T10:20:30Z`.
pub(in crate::cli) fn time(text: &str) -> Result<String, String> {
    let wrong = || "must be a time as 2024-05-01T10:20:30Z".to_owned();
    let (Some(whole), Some(rest)) = (text.get(..19), text.get(19..)) else { return Err(wrong()) };
    let zone = rest.strip_prefix('.').map_or(rest, |part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
    let is_zone = zone == "Z" || zone.len() == 6 && zone.starts_with(['+', '-']) && fits(&zone[1..], "99:99");
    let number = |at: std::ops::Range<usize>| whole[at].parse::<u32>().unwrap_or(u32::MAX);
    let limits = [(5..7, 1, 12), (8..10, 1, 31), (11..13, 0, 23), (14..16, 0, 59), (17..19, 0, 60)];
    let possible = fits(whole, "9999-99-99T99:99:99")
        && limits.into_iter().all(|(at, least, most)| (least..=most).contains(&number(at)));
    if is_zone && possible { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// The time that a TIFF states as `2024:05:01 10:20:30`, without a zone: it is taken for UTC.
pub(super) fn of_tiff(text: &str) -> Option<String> {
    let text = text.trim_end_matches('\0').trim();
    if !fits(text, "9999:99:99 99:99:99") {
        return None;
    }
    time(&format!("{}T{}Z", text[..10].replace(':', "-"), &text[11..])).ok()
}

/// Whether a text has digits where the form has a 9, and is the form elsewhere.
fn fits(text: &str, form: &str) -> bool {
    let same = |(a, b): (u8, u8)| if b == b'9' { a.is_ascii_digit() } else { a == b };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        for good in ["2024-05-01T10:20:30Z", "2024-05-01T10:20:30.123456Z", "1999-12-31T23:59:60+05:30"] {
            assert_eq!(time(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "2024-05-01",
            "2024-05-01 10:20:30Z",
            "2024-13-01T10:20:30Z",
            "2024-05-01T10:20:30",
            "Ä2024-05-01T10:20:3Z",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert_eq!(of_tiff("2024:05:01 10:20:30\0").as_deref(), Some("2024-05-01T10:20:30Z"));
        assert_eq!(of_tiff("0000:00:00 00:00:00"), None);
        assert_eq!(of_tiff("2024-05-01 10:20:30"), None);
    }
}
