//! One layer, one sequence of bytes: on any number of threads, in one piece or in many.

use std::{io::Read as _, sync::Arc, thread};

use proptest::prelude::*;
use wheelwright::{
    layer::{Laid, OpenBlob, Threads, wheel::RecordCheck},
    testing::Wheel,
};

use super::world::{World, bytes};

/// A wheel with files of many sizes and kinds, a different one for each `seed`.
fn wheel(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut wheel = Wheel::new("demo", "1.0").console_script("demo", "demo:main");
    for index in 0..60 {
        let length = next() % [10, 3_000, 400_000][index % 3];
        let noise = index % 2 == 0;
        let contents: Vec<u8> = (0..length).map(|at| if noise { next() } else { at / 7 }.to_le_bytes()[0]).collect();
        let path = format!("demo/{index}");
        wheel = if index % 5 == 0 { wheel.stored(&path, &contents) } else { wheel.file(&path, &contents) };
    }
    wheel.build()
}

fn laid(wheel: &[u8], threads: Threads) -> Laid {
    World::new().lay(wheel, RecordCheck::Verify, threads).unwrap()
}

#[test]
fn the_number_of_threads_and_of_neighbours_changes_nothing() {
    let wheels: Vec<Vec<u8>> = (0..4).map(wheel).collect();
    let alone: Vec<_> = wheels
        .iter()
        .map(|wheel| laid(wheel, Threads::One))
        .map(|laid| (laid.descriptor.digest, laid.diff_id))
        .collect();
    for neighbours in [1, 2, 8] {
        for threads in [Threads::One, Threads::Two] {
            thread::scope(|scope| {
                let started: Vec<_> = (0..neighbours)
                    .map(|index| (index % 4, &wheels[index % 4]))
                    .map(|(index, wheel)| (index, scope.spawn(move || laid(wheel, threads))))
                    .collect();
                for (index, thread) in started {
                    let laid = thread.join().unwrap();
                    assert_eq!(
                        (laid.descriptor.digest, laid.diff_id),
                        alone[index],
                        "{neighbours} layers, {threads:?}"
                    );
                }
            });
        }
    }
}

#[test]
fn checking_the_record_changes_nothing() {
    let wheel = wheel(9);
    let checked = laid(&wheel, Threads::One);
    assert_eq!(
        World::new().lay(&wheel, RecordCheck::Skip, Threads::Two).unwrap().descriptor.digest,
        checked.descriptor.digest
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn any_order_of_ranges_yields_the_same_bytes(
        seed in 0_u32..4,
        ranges in prop::collection::vec((0.0..1.0_f64, 1_usize..300_000), 1..60),
    ) {
        let world = World::new();
        let laid = world.lay(&wheel(seed), RecordCheck::Skip, Threads::Two).unwrap();
        let whole = bytes(&laid);
        let mut open = OpenBlob::default();
        for (place, length) in ranges {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
            let from = (place * whole.len() as f64) as usize;
            let mut buffer = vec![0; length];
            let count = laid.rope.read_at(from as u64, &mut buffer, &mut open).unwrap();
            prop_assert!(count > 0 && buffer[..count] == whole[from..from + count]);
            let mut rest = Vec::new();
            Arc::new(laid.rope.clone()).reader(from as u64).take(length as u64).read_to_end(&mut rest).unwrap();
            prop_assert!(rest == whole[from..whole.len().min(from + length)]);
        }
    }
}
