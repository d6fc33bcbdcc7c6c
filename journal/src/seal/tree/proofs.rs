//! Proofs about a stored tree: a record's place in it, and that a later tree goes on from it.
//!
//! Thread: any, pure but for the source of hashes. Hot path: no.

use super::{GROUP, Hash, node};

/// Where hashes of a stored tree come from.
pub(crate) trait Source {
    /// Why one could not be had.
    type Error;

    /// Hash of one record, by index from 0.
    fn leaf(&mut self, index: u64) -> Result<Hash, Self::Error>;

    /// Root of the group that starts at `index`, a multiple of [`GROUP`].
    fn group(&mut self, index: u64) -> Result<Hash, Self::Error>;
}

/// Root of `count` leaves from `start` on; `count` is not 0.
pub(crate) fn root_of<S: Source>(source: &mut S, start: u64, count: u64) -> Result<Hash, S::Error> {
    if count == 1 {
        return source.leaf(start);
    }
    if count == GROUP && start.is_multiple_of(GROUP) {
        return source.group(start);
    }
    let k = split(count);
    let left = root_of(source, start, k)?;
    let right = root_of(source, start + k, count - k)?;
    Ok(node(&left, &right))
}

/// Largest power of two below `count`, which is at least 2.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Audit path of leaf `index` in the tree of `size` leaves (RFC 6962, 2.1.1), from the leaf up.
pub(crate) fn inclusion<S: Source>(
    source: &mut S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, S::Error> {
    let (mut start, mut count) = (0, size);
    let mut path = Vec::new();
    while count > 1 {
        let k = split(count);
        if index - start < k {
            path.push(root_of(source, start + k, count - k)?);
            count = k;
        } else {
            path.push(root_of(source, start, k)?);
            start += k;
            count -= k;
        }
    }
    path.reverse();
    Ok(path)
}

/// The root that an audit path leads to (RFC 9162, 2.1.3.2); `None` if it is no path of this leaf
/// in a tree of this size.
pub(crate) fn root_by_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    let mut last = size.checked_sub(1)?;
    let mut index = index;
    if index > last {
        return None;
    }
    let mut hash = leaf;
    for step in path {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            hash = node(step, &hash);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, step);
        }
        index >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Proof that the tree of `size` leaves goes on from the one of `old` leaves (RFC 6962, 2.1.2).
/// Empty if `old` is 0 or `size`.
pub(crate) fn consistency<S: Source>(
    source: &mut S,
    old: u64,
    size: u64,
) -> Result<Vec<Hash>, S::Error> {
    let mut path = Vec::new();
    if old == 0 || old >= size {
        return Ok(path);
    }
    let (mut start, mut count) = (0, size);
    while start + count != old {
        let k = split(count);
        if old - start <= k {
            path.push(root_of(source, start + k, count - k)?);
            count = k;
        } else {
            path.push(root_of(source, start, k)?);
            start += k;
            count -= k;
        }
    }
    if start > 0 {
        path.push(root_of(source, start, count)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether a consistency proof holds between two roots (RFC 9162, 2.1.4.2).
pub(crate) fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), path: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size >= new_size {
        return path.is_empty() && old_size <= new_size && (old_size == 0 || old_root == new_root);
    }
    let whole = old_size.is_power_of_two().then_some(old_root);
    let mut steps = whole.into_iter().chain(path);
    let Some(first) = steps.next() else {
        return false;
    };
    let ones = (old_size - 1).trailing_ones();
    let (mut from, mut last) = ((old_size - 1) >> ones, (new_size - 1) >> ones);
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if from & 1 == 1 || from == last {
            old_hash = node(step, &old_hash);
            new_hash = node(step, &new_hash);
            while from & 1 == 0 && from != 0 {
                from >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node(&new_hash, step);
        }
        from >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}
