//! `summary.csv`: a row for every round, with the same figures as `result.json`; what was not measured is an empty field.

use super::schema::{Results, Round};

const HEAD: &str = "target,version,durability,protocol,scenario,connections,window,size,queues,consumers,transaction,rate,depth,\
idle_connections,lanes,round,order,messages,delivered,seconds,messages_per_second,ack_p50_us,ack_p90_us,ack_p99_us,ack_p99.9_us,\
ack_p99.99_us,ack_max_us,delivery_p50_us,delivery_p99_us,send_delay_p99_us,overload,client_us_per_message,target_us_per_message,\
system_calls_per_message,device_writes_per_message,device_flushes_per_message,device_bytes_per_message,resident_bytes,load\n";

/// The whole file.
pub fn text(results: &Results) -> String {
    results.rounds.iter().map(row).fold(HEAD.to_owned(), |text, row| text + &row + "\n")
}

fn row(round: &Round) -> String {
    let Round { parameters, figures, .. } = round;
    let (ack, device) = (&figures.ack, figures.device.as_ref());
    let fields = [
        quoted(&round.target),
        quoted(&round.target_version),
        quoted(&round.durability.to_string()),
        quoted(&round.protocol),
        quoted(&round.scenario),
        parameters.connections.to_string(),
        parameters.window.to_string(),
        parameters.size.to_string(),
        parameters.queues.to_string(),
        parameters.consumers.to_string(),
        parameters.transaction.map_or_else(String::new, |messages| messages.to_string()),
        number(parameters.rate),
        parameters.depth.to_string(),
        parameters.idle_connections.to_string(),
        parameters.lanes.map_or_else(String::new, |lanes| lanes.to_string()),
        round.round.to_string(),
        round.order.to_string(),
        figures.messages.to_string(),
        figures.delivered.to_string(),
        number(Some(figures.seconds)),
        number(Some(figures.rate())),
        number(ack.p50),
        number(ack.p90),
        number(ack.p99),
        number(ack.p999),
        number(ack.p9999),
        number(ack.max_us),
        number(figures.delivery.and_then(|summary| summary.p50)),
        number(figures.delivery.and_then(|summary| summary.p99)),
        number(figures.send_delay.and_then(|summary| summary.p99)),
        figures.overload.to_string(),
        number(figures.client_us_per_message()),
        number(figures.target_us_per_message()),
        number(figures.target_system_calls.and_then(|calls| figures.per_message(calls))),
        number(device.and_then(|device| figures.per_message(device.writes))),
        number(device.and_then(|device| figures.per_message(device.flushes))),
        number(device.and_then(|device| figures.per_message(device.bytes()))),
        figures.target.map_or_else(String::new, |target| target.resident_bytes.to_string()),
        number(figures.context.load),
    ];
    fields.join(",")
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.3}"))
}

/// RFC 4180: a field with a border in it stands in quotes.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_as_many_fields_as_the_head() {
        let round = Round { target: "a,\"b\"".to_owned(), ..Round::default() };
        let text = text(&Results { rounds: vec![round], ..Results::default() });
        let (head, row) = text.trim_end().split_once('\n').unwrap();
        assert!(row.starts_with("\"a,\"\"b\"\"\","), "{row}");
        let row = row.trim_start_matches("\"a,\"\"b\"\"\"");
        assert_eq!(head.split(',').count(), row.split(',').count());
    }

    #[test]
    fn what_was_not_measured_is_empty_and_not_zero() {
        let text = text(&Results { rounds: vec![Round::default()], ..Results::default() });
        let row: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
        let at = HEAD.split(',').position(|name| name == "ack_p99_us").unwrap();
        assert_eq!(row[at], "");
    }
}
