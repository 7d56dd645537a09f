//! What came of bringing images somewhere, as the lines below a table.

use std::collections::BTreeMap;

use super::{
    quantity,
    table::{Align, Table},
};
use crate::{
    builder::Destination,
    image::{Delivery, Graph},
};

/// `oci:dist  sha256:…  2 images, 3 blobs sent (1.0 MB)`.
pub(super) fn line(destination: &Destination, delivery: &Delivery) -> String {
    let mut blobs: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, moved) in &delivery.blobs {
        *blobs.entry(moved.verb()).or_default() += 1;
    }
    let mut parts = vec![quantity::count(delivery.images, "image")];
    for (verb, number) in blobs {
        let size =
            if verb == "sent" { format!(" ({})", quantity::bytes(delivery.bytes_sent())) } else { String::new() };
        parts.push(format!("{} {verb}{size}", quantity::count(number, "blob")));
    }
    if !delivery.attached.is_empty() {
        parts.push(format!("{} attached", quantity::count(delivery.attached.len(), "artifact")));
    }
    format!("{destination}  {}  {}\n", delivery.root, parts.join(", "))
}

/// What would be done for each blob of `graph`, and in all.
pub(super) fn plan(graph: &Graph, (destination, delivery): (&Destination, &Delivery)) -> String {
    let columns = [("blob", Align::Left), ("bytes", Align::Right), ("would be", Align::Left)];
    let mut table = Table::new(columns);
    for (blob, (_, moved)) in graph.blobs().iter().zip(&delivery.blobs) {
        let short: String = blob.descriptor().digest.hex().chars().take(12).collect();
        table.row([short, quantity::bytes(blob.descriptor().size), moved.verb().to_owned()]);
    }
    format!("{}\nwould be: {}", table.render(None), line(destination, delivery))
}
