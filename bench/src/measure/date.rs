//! Days and seconds since 1970 as the calendar has them, in UTC.

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

/// The date so many days after 1970-01-01.
pub(crate) fn date(days: u64) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

/// The moment so many seconds after 1970-01-01, to the minute.
pub(crate) fn moment(seconds: u64) -> String {
    let minutes = seconds % DAY_SECONDS / 60;
    format!("{} {:02}:{:02} UTC", date(seconds / DAY_SECONDS), minutes / 60, minutes % 60)
}

/// Today.
pub(crate) fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    date(since.map_or(0, |since| since.as_secs() / DAY_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, text) in [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_453, "2025-12-31")] {
            assert_eq!(date(days), text);
        }
        assert_eq!(moment(20_453 * 86_400 + 3_600 * 7 + 125), "2025-12-31 07:02 UTC");
    }
}
