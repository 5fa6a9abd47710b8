//! Lists from the answers of all homes.

use serde_json::{Map, Value, json};

use super::{Step, arguments};
use crate::limits;
use crate::mail::{AddressDetail, COLUMNS, Column, Comparison, Filter, Listing, QueueDetail, Reply, Totals};

/// What `listQueues` is given: a filter, a page that counts from 1, its size.
pub(super) struct PageWanted {
    pub(super) listing: Listing,
    pub(super) skip: usize,
}

/// Reads the three arguments of `listQueues`.
///
/// # Errors
/// The filter is no JSON object, or names what there is not.
pub(super) fn wanted(options: &Value, page: &Value, size: &Value) -> Result<PageWanted, String> {
    let options = match options {
        Value::String(text) if text.trim().is_empty() => Map::new(),
        Value::String(text) => match arguments::json(text) {
            Ok(Value::Object(options)) => options,
            _ => return Err("the filter is no JSON object".to_owned()),
        },
        Value::Null => Map::new(),
        _ => return Err("the filter is no text".to_owned()),
    };
    let option = |name: &str| options.get(name).and_then(arguments::text).filter(|text| !text.is_empty());
    let number = |value: &Value, what: &str| {
        let found = arguments::number(value).and_then(|number| usize::try_from(number).ok());
        found.ok_or_else(|| format!("the {what} is no number"))
    };
    let column = |name: String| Column::named(&name).ok_or_else(|| format!("a queue has no field {name}"));
    let filter = match (option("field"), option("operation"), option("value")) {
        (Some(field), Some(operation), Some(value)) => {
            let comparison =
                Comparison::named(&operation).ok_or_else(|| format!("there is no comparison {operation}"))?;
            Some(Filter { column: column(field)?, comparison, value })
        }
        _ => None,
    };
    let sort = option("sortField").or_else(|| option("sortColumn")).unwrap_or_else(|| "name".to_owned());
    let descending = option("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("desc"));
    let (page, size) = (number(page, "page")?.max(1), number(size, "page's size")?);
    let size = size.min(limits::MANAGEMENT_ROWS_MAX);
    let skip = (page - 1).saturating_mul(size).min(limits::MANAGEMENT_ROWS_MAX);
    let limit = skip.saturating_add(size).min(limits::MANAGEMENT_ROWS_MAX);
    Ok(PageWanted { listing: Listing { filter, sort: column(sort)?, descending, limit }, skip })
}

/// One page of the queues, as a text that is JSON.
pub(super) fn page(replies: Vec<Reply>, listing: &Listing, skip: usize) -> Step {
    let (mut count, mut rows) = (0, Vec::new());
    for reply in replies {
        if let Reply::Queues(page) = reply {
            count += page.count;
            rows.extend(page.rows);
        }
    }
    rows.sort_unstable_by(|one, other| listing.order(one, other));
    let take = listing.limit.saturating_sub(skip);
    let data: Vec<Value> = rows.iter().skip(skip).take(take).map(row).collect();
    Step::value(json!({ "data": data, "count": count }).to_string())
}

/// Every value is a text: the reference's command line reads nothing else.
fn row(queue: &QueueDetail) -> Value {
    COLUMNS.iter().map(|column| (column.key.to_owned(), Value::String(column.of(queue)))).collect::<Map<_, _>>().into()
}

/// The names of all queues.
pub(super) fn queue_names(replies: Vec<Reply>) -> Step {
    let mut names = Vec::new();
    for reply in replies {
        if let Reply::Queues(page) = reply {
            if page.rows.len() < page.count {
                return Step::failed(format!(
                    "there are more than {} queues: ask for pages with listQueues",
                    limits::MANAGEMENT_ROWS_MAX
                ));
            }
            names.extend(page.rows.into_iter().map(|queue| queue.state.name));
        }
    }
    names.sort_unstable();
    Step::value(names)
}

/// All queues, as far as one answer holds them.
pub(super) fn all_queues() -> Option<Listing> {
    let sort = Column::named("name")?;
    Some(Listing { filter: None, sort, descending: false, limit: limits::MANAGEMENT_ROWS_MAX })
}

/// The names of all addresses.
pub(super) fn address_names(replies: Vec<Reply>) -> Vec<String> {
    let mut names: Vec<String> = addresses(replies).into_iter().map(|address| address.name).collect();
    names.sort_unstable();
    names
}

/// The same as one text, without regard to case.
pub(super) fn joined_addresses(replies: Vec<Reply>, separator: &str) -> Step {
    let mut names = address_names(replies);
    names.sort_by_cached_key(|name| name.to_lowercase());
    Step::value(names.join(separator))
}

/// The addresses in these answers.
pub(super) fn addresses(replies: Vec<Reply>) -> Vec<AddressDetail> {
    let lists = replies.into_iter().filter_map(|reply| match reply {
        Reply::Addresses(page) => Some(page.rows),
        _ => None,
    });
    lists.flatten().collect()
}

/// What all homes hold together.
pub(super) fn totals(replies: Vec<Reply>) -> Totals {
    let all = replies.into_iter().filter_map(|reply| match reply {
        Reply::Totals(totals) => Some(*totals),
        _ => None,
    });
    all.fold(Totals::default(), Totals::plus)
}
