//! The tree beside a naive one that is written as RFC 6962 defines it.

use proptest::prelude::*;

use super::proofs::*;
use super::*;

/// Leaves in memory.
struct Leaves(Vec<Hash>);

impl Source for Leaves {
    type Error = std::convert::Infallible;

    fn leaf(&mut self, index: u64) -> Result<Hash, Self::Error> {
        Ok(self.0[index as usize])
    }

    fn group(&mut self, index: u64) -> Result<Hash, Self::Error> {
        Ok(naive_root(&self.0[index as usize..][..GROUP as usize]))
    }
}

fn record(n: u64) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (i % 8 * 8)) as u8 ^ i as u8;
    }
    bytes
}

fn leaves(count: u64) -> Leaves {
    Leaves((0..count).map(|n| leaf(&record(n))).collect())
}

/// MTH of RFC 6962, 2.1, over leaf hashes.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => *blake3::hash(b"").as_bytes(),
        [one] => *one,
        _ => {
            let mut k = 1;
            while 2 * k < leaves.len() {
                k *= 2;
            }
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[1]);
            hasher.update(&naive_root(&leaves[..k]));
            hasher.update(&naive_root(&leaves[k..]));
            *hasher.finalize().as_bytes()
        }
    }
}

fn root_at(leaves: &Leaves, size: u64) -> Hash {
    naive_root(&leaves.0[..size as usize])
}

#[test]
fn frontier_has_the_naive_root_at_every_size() {
    let all = leaves(300);
    let bytes: Vec<u8> = (0..300).flat_map(record).collect();
    let mut frontier = Frontier::default();
    for size in 0..=300_u64 {
        assert_eq!(frontier.size(), size);
        assert_eq!(frontier.root(), root_at(&all, size), "size {size}");
        let again = Frontier::from_peaks(size, frontier.peaks().to_vec());
        assert_eq!(again, Some(frontier.clone()));
        let mut chunked = Frontier::default();
        chunked.push_records(&bytes[..size as usize * RECORD_BYTES]);
        assert_eq!(chunked, frontier);
        if size < 300 {
            frontier.push(all.0[size as usize]);
        }
    }
    assert_eq!(Frontier::from_peaks(3, vec![[0; 32]]), None);
}

/// Goal: every inclusion proof of every size leads to the root, and no other leaf, place, size or
/// path does.
#[test]
fn inclusion_proof_of_every_leaf_at_every_size() {
    let mut all = leaves(70);
    for size in 1..=70 {
        let root = root_at(&all, size);
        for index in 0..size {
            let path = inclusion(&mut all, index, size).unwrap();
            let leaf = all.0[index as usize];
            let holds = |leaf, index, size, path: &[Hash]| {
                root_by_inclusion(leaf, index, size, path) == Some(root)
            };
            assert!(holds(leaf, index, size, &path), "{index} of {size}");
            assert!(!holds(node(&leaf, &leaf), index, size, &path));
            for other in 0..size {
                assert_eq!(holds(leaf, other, size, &path), other == index);
            }
            if let Some((_, shorter)) = path.split_last() {
                assert!(!holds(leaf, index, size, shorter));
            }
            let mut longer = path.clone();
            longer.push(leaf);
            assert!(!holds(leaf, index, size, &longer));
            for step in 0..path.len() {
                let mut other = path.clone();
                other[step][31] ^= 1;
                assert!(!holds(leaf, index, size, &other));
            }
        }
    }
    assert_eq!(root_by_inclusion([0; 32], 0, 0, &[]), None);
}

#[test]
fn consistency_proof_between_every_two_sizes() {
    let mut all = leaves(70);
    for new in 0..=70 {
        let new_root = root_at(&all, new);
        for old in 0..=new {
            let old_root = root_at(&all, old);
            let path = consistency(&mut all, old, new).unwrap();
            let holds = |old_root: &Hash, new_root: &Hash, path: &[Hash]| {
                is_consistent((old, old_root), (new, new_root), path)
            };
            assert!(holds(&old_root, &new_root, &path), "{old} in {new}");
            assert!(!is_consistent(
                (new + 1, &new_root),
                (new, &new_root),
                &path
            ));
            if old > 0 {
                assert!(!holds(&[7; 32], &new_root, &path));
                assert!(!holds(&old_root, &[7; 32], &path));
            }
            for step in 0..path.len() {
                let mut other = path.clone();
                other[step][0] ^= 0x80;
                assert!(!holds(&old_root, &new_root, &other));
                let mut shorter = path.clone();
                shorter.remove(step);
                assert!(!holds(&old_root, &new_root, &shorter));
            }
        }
    }
}

#[test]
fn consistency_with_nothing_holds_for_any_root() {
    assert!(is_consistent((0, &[1; 32]), (5, &[2; 32]), &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Large trees: proofs that go through groups, against the naive root.
    #[test]
    fn proofs_of_a_large_tree((size, old, index) in (2..3_000_u64)
        .prop_flat_map(|size| (Just(size), 1..=size, 0..size)))
    {
        let mut all = leaves(size);
        let root = root_at(&all, size);
        prop_assert_eq!(root_of(&mut all, 0, size).unwrap(), root);
        let path = inclusion(&mut all, index, size).unwrap();
        let leaf = all.0[index as usize];
        prop_assert_eq!(root_by_inclusion(leaf, index, size, &path), Some(root));
        let old_root = root_at(&all, old);
        let path = consistency(&mut all, old, size).unwrap();
        prop_assert!(is_consistent((old, &old_root), (size, &root), &path));
    }
}

/// Bytes that must never change: leaf, node and root, computed once by another implementation.
#[test]
fn golden_hashes() {
    let hex = |hash: Hash| blake3::Hash::from_bytes(hash).to_hex().to_string();
    let zeros = leaf(&[0; RECORD_BYTES]);
    assert_eq!(zeros, *blake3::hash(&[0; 129]).as_bytes());
    assert_eq!(
        node(&zeros, &zeros)[..],
        {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[1]).update(&zeros).update(&zeros);
            hasher.finalize().as_bytes().to_vec()
        }[..]
    );
    // The empty tree: BLAKE3 of nothing, from that function's own test vectors.
    let nothing = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(hex(Frontier::default().root()), nothing);
}
