//! Changes to Artemis's `broker.xml` as text: an element's value, the port, a queue. The rest stays as Artemis wrote it.

/// The value of the first element with this name that is not within a comment.
pub(super) fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (from, to) = place_of(text, name)?;
    text.get(from..to)
}

/// Sets an element below `<core>`, or adds it.
///
/// # Errors
///
/// A text without a place for it.
pub(super) fn with_element(text: &str, name: &str, value: &str) -> Result<String, String> {
    if let Some((from, to)) = place_of(text, name) {
        return replaced(text, from, to, value);
    }
    let anchor = "<persistence-enabled>";
    let at = text.find(anchor).ok_or_else(|| format!("broker.xml has no {anchor}"))?;
    replaced(text, at, at, &format!("<{name}>{value}</{name}>\n      "))
}

/// Has the acceptor listen on this port of loopback.
///
/// # Errors
///
/// A text without the acceptor that `artemis create` makes.
pub(super) fn with_port(text: &str, port: u16) -> Result<String, String> {
    let anchor = "<acceptor name=\"artemis\">tcp://";
    let missing = || format!("broker.xml has no {anchor}");
    let from = text.find(anchor).map(|at| at + anchor.len()).ok_or_else(missing)?;
    let rest = text.get(from..).unwrap_or_default();
    let to = from + rest.find(['?', '<']).ok_or_else(missing)?;
    replaced(text, from, to, &format!("127.0.0.1:{port}"))
}

/// Adds a durable anycast queue on an address of the same name.
///
/// # Errors
///
/// A text without addresses.
pub(super) fn with_queue(text: &str, queue: &str) -> Result<String, String> {
    let address = format!("<address name=\"{queue}\"><anycast><queue name=\"{queue}\"/></anycast></address>");
    if text.contains(&address) {
        return Ok(text.to_owned());
    }
    let anchor = "<addresses>";
    let at = text.find(anchor).map(|at| at + anchor.len()).ok_or_else(|| format!("broker.xml has no {anchor}"))?;
    replaced(text, at, at, &format!("\n         {address}"))
}

/// From where to where the value of an element stands.
fn place_of(text: &str, name: &str) -> Option<(usize, usize)> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut at = 0;
    loop {
        let found = at + text.get(at..)?.find(&open)?;
        let from = found + open.len();
        let to = from + text.get(from..)?.find(&close)?;
        if !is_comment(text, found) {
            return Some((from, to));
        }
        at = to;
    }
}

fn is_comment(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.rfind("<!--") > before.rfind("-->")
}

fn replaced(text: &str, from: usize, to: usize, by: &str) -> Result<String, String> {
    let parts = text.get(..from).zip(text.get(to..));
    let (before, behind) = parts.ok_or("broker.xml cannot be taken apart")?;
    Ok([before, by, behind].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<core>\n<persistence-enabled>true</persistence-enabled>\n<!-- <journal-type>MAPPED</journal-type> -->\n\
        <journal-type>NIO</journal-type>\n<acceptor name=\"artemis\">tcp://0.0.0.0:61616?a=b;protocols=CORE</acceptor>\n\
        <addresses>\n<address name=\"DLQ\"/>\n</addresses></core>";

    #[test]
    fn elements_are_set_or_added_and_comments_left_alone() {
        let text = with_element(TEXT, "journal-type", "ASYNCIO").unwrap();
        assert!(
            text.contains("<!-- <journal-type>MAPPED</journal-type> -->\n<journal-type>ASYNCIO</journal-type>"),
            "{text}"
        );
        let text = with_element(&text, "security-enabled", "false").unwrap();
        assert_eq!(element(&text, "security-enabled"), Some("false"));
        assert_eq!(element(&text, "journal-type"), Some("ASYNCIO"));
        assert_eq!(element(&text, "nothing"), None);
        assert!(with_element("<core/>", "x", "y").is_err());
    }

    #[test]
    fn the_port_is_on_loopback_and_can_be_changed_again() {
        let text = with_port(&with_port(TEXT, 5000).unwrap(), 5001).unwrap();
        assert!(text.contains("tcp://127.0.0.1:5001?a=b;protocols=CORE"), "{text}");
        assert!(with_port("<core/>", 1).is_err());
    }

    #[test]
    fn a_queue_is_added_once() {
        let text = with_queue(TEXT, "q").unwrap();
        assert!(text.contains("<anycast><queue name=\"q\"/></anycast>"), "{text}");
        assert_eq!(with_queue(&text, "q").unwrap(), text);
    }
}
