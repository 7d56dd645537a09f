//! The registry client against the embedded registry, in good and bad weather.
//!
//! What a client of registries must survive, and the tests that show it:
//!
//! | | failure | tests |
//! |---|---|---|
//! | 1 | an upload is cut, once and again | `push::uploads_survive_cuts` |
//! | 2 | the blob is stored and the answer lost | `push::uploads_survive_cuts` |
//! | 3 | 408, 429, 5xx, `Retry-After`, on every end point | `weather::every_end_point_may_fail_for_a_while`, `push::a_server_may_ask_to_wait` |
//! | 4 | stalls; what is slow and moves is left alone | `push::a_stalled_upload_is_given_up_and_begun_again`, `push::a_slow_upload_that_moves_is_left_alone`, `pull::blobs_survive_cuts_and_stalls`, `pull::a_slow_download_that_moves_is_left_alone` |
//! | 5 | tokens and challenges of every kind, helpers that hang or know nothing | `auth`, and in the library `registry::challenge`, `registry::credentials::helper` |
//! | 6 | redirects of GET, PUT and PATCH elsewhere | `pull::redirected_downloads_leave_the_credentials_behind`, `push::redirected_uploads_leave_the_credentials_behind`, `chunks::redirected_chunks_leave_the_credentials_behind` |
//! | 7 | addresses of every shape | `push::locations_of_every_shape_are_followed`, `push::an_upload_elsewhere_gets_no_credentials`, and in the library `registry::location` |
//! | 8 | mounts that do not mount | `push::mounts_are_tried_and_not_relied_on` |
//! | 9 | truncated or wrong bytes, digests, types; a manifest of 5 MiB | `pull::wrong_bytes_are_found_out`, `pull::manifests_are_verified`, `push::the_registry_must_store_what_was_sent` |
//! | 10 | ranges ignored, refused, short | `pull::servers_without_ranges_begin_again` |
//! | 11 | a blob is said to be there and is not | `push::blobs_that_the_registry_lost_are_sent_once_more` |
//! | 12 | chunks answered wrongly, refused, lost | `chunks` |
//! | 13 | the run is interrupted | `push::uploads_given_up_are_cancelled`, and of the program `cli::killing` |
//! | 14 | two push the same image | `push::two_clients_may_push_the_same_image`, and of the program `cli::pushing::two_processes_push_the_same_image` |
//! | 15 | one platform fails | `push::tags_move_last_and_only_when_all_is_there` |
//! | 16 | memory | `cli::pushing::memory_does_not_grow_with_what_is_pushed`, `cargo bench --bench push -- memory` |
//! | 17 | referrers, native and under a tag, two at the same time | `referrers` |
//! | 18 | Docker's types, nested indexes, unknown fields | `pull::what_docker_says_of_a_base_is_kept`, `pull::platforms_are_found_in_indexes_of_docker_and_in_nested_ones` |
//! | 19 | proxies; authorities of one's own, and strangers' | `cli::pushing::proxies_are_used_where_the_environment_names_them`, `trust`, and against peers `guarded_registry` |
//! | 20 | the same recipe in two processes | `cli::pushing::two_processes_push_the_same_image` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod auth;
mod chunks;
mod mirrors;
mod pull;
mod push;
mod referrers;
mod tags;
mod trust;
mod weather;
pub(crate) mod world;
