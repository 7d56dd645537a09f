//! A wheel that is too large for one layer, split by path.

use super::{Body, Item, Node, Span};

/// The items of part `number` of `of` (counted from one). Which path belongs to which part depends on
/// the items alone: files, largest first as they are stored, each go to the part that is smallest so
/// far; so parts are of like size unless one file is larger than a part. Directories and links go with
/// the first part.
#[must_use]
pub fn share(items: Vec<Item>, number: usize, of: usize) -> Vec<Item> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(stored(&items[*index])), &items[*index].path));
    let mut sizes = vec![0_u64; of.max(1)];
    let mut chosen = vec![false; items.len()];
    for index in order {
        let part = match stored(&items[index]) {
            0 => 0,
            _ => (0..sizes.len()).min_by_key(|part| sizes[*part]).unwrap_or_default(),
        };
        sizes[part] += stored(&items[index]);
        chosen[index] = part + 1 == number;
    }
    items.into_iter().zip(chosen).filter_map(|(item, chosen)| chosen.then_some(item)).collect()
}

/// Bytes of a file's contents as they lie in the wheel.
fn stored(item: &Item) -> u64 {
    match &item.node {
        Node::File(Body::Span(Span { compressed, .. })) => *compressed,
        Node::File(body) => body.size(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn every_path_is_in_one_part_and_parts_are_even() {
        let contents = |size: usize| Node::File(Body::Literal(Bytes::from(vec![0; size])));
        let item = |path: String, size: usize| Item::new(path, contents(size), 0o644);
        let items: Vec<Item> = (0..100).map(|index| item(format!("f{index:02}"), index * 7 % 60)).collect();
        let parts: Vec<Vec<Item>> = (1..=3).map(|number| share(items.clone(), number, 3)).collect();
        let sizes: Vec<u64> = parts.iter().map(|part| part.iter().map(stored).sum()).collect();
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() < 60, "{sizes:?}");
        let mut together = parts.concat();
        together.sort_by(|left, right| left.path.cmp(&right.path));
        assert_eq!(together, items);
    }
}
