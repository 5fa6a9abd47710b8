//! Tests of whole processes: the built binary, started, killed and restarted as a user or a power cut would.
//!
//! They link none of the broker's code, only the codec of its protocol. A new test is a function in a file of its subject and a line below; it takes a
//! [`folder::Folder`], starts [`server::Server`]s in it and says what must be true for a client.

mod blocks;
// It serves other tests as well.
#[allow(dead_code)]
mod certificates;
mod client;
mod folder;
// It serves other tests as well.
#[allow(dead_code)]
mod harness;
// The file serves a proof as well.
#[allow(dead_code, unreachable_pub)]
#[path = "../../bench/src/prove/write_amp/loop_disk.rs"]
mod loop_disk;
mod process;
mod server;
mod wire;

mod browser;
mod configuration;
mod controls;
mod damage;
mod disk_faults;
mod hostile;
mod idle;
mod large_bodies;
mod moves;
mod ordinary_user;
mod queues;
mod readme;
mod refusals;
mod secrets;
mod secrets_in_a_store;
mod session_memory;
mod start;
mod stop;
mod time_to_live;
mod tls;
mod transactions;
mod two_phase;
mod users;

use std::process::ExitCode;

use harness::Trial;

fn main() -> ExitCode {
    let mut beside = vec![
        Trial { name: "harness_counts_what_happens", run: harness::counts_what_happens },
        Trial { name: "session_memory", run: session_memory::sessions_and_consumers_take_what_is_counted },
        Trial { name: "queues_by_command", run: queues::queues_by_command },
        Trial { name: "browser_kinds", run: browser::each_kind_is_shown },
        Trial { name: "browser_many", run: browser::a_long_queue_is_shown_whole_and_stays },
        Trial { name: "full_addresses", run: queues::full_addresses },
        Trial { name: "a_quiet_server_is_accepted", run: controls::a_quiet_server_is_accepted },
        Trial { name: "a_server_that_is_never_ready_is_caught", run: controls::a_server_that_is_never_ready_is_caught },
        Trial { name: "a_server_that_dies_at_once_is_caught", run: controls::a_server_that_dies_at_once_is_caught },
        Trial { name: "a_warning_in_the_log_is_caught", run: controls::a_warning_in_the_log_is_caught },
        Trial { name: "a_stop_that_fails_is_caught", run: controls::a_stop_that_fails_is_caught },
        Trial { name: "a_process_without_an_end_is_caught", run: controls::a_process_without_an_end_is_caught },
        Trial { name: "readme_examples_are_found", run: readme::examples_are_found },
        Trial { name: "readme_commands_work", run: readme::commands_work },
        Trial { name: "configuration_shows_who_set_what", run: configuration::every_setting_names_its_origin },
        Trial { name: "configuration_errors_name_their_place", run: configuration::errors_name_their_place },
        Trial { name: "configuration_by_match", run: configuration::settings_by_match },
        Trial { name: "configuration_open_door_is_refused", run: configuration::an_open_door_is_refused },
        Trial { name: "damage_is_refused_with_a_way_out", run: damage::damage_is_refused_with_a_way_out },
        Trial { name: "damage_below_a_checkpoint", run: damage::damage_below_a_checkpoint_is_found_when_read },
        Trial { name: "damage_accepted_where_none_is", run: damage::a_loss_that_is_none_is_refused },
        Trial { name: "damage_lost_names_are_missed", run: damage::lost_names_are_missed },
        Trial { name: "damage_second_process_is_refused", run: damage::a_second_process_is_refused },
        Trial { name: "hostile_bytes", run: hostile::bytes_of_no_client_end_their_connection_alone },
        Trial { name: "hostile_packets", run: hostile::sessions_are_not_confused_by_strange_packets },
        Trial { name: "hostile_handshake", run: hostile::half_a_handshake_is_closed_in_time },
        Trial { name: "hostile_half_open", run: hostile::half_open_connections_cost_little },
        Trial { name: "refusals_are_answered", run: refusals::what_is_not_served_is_refused_and_the_session_goes_on },
        Trial { name: "refusals_large_message", run: refusals::a_large_message_is_refused_at_its_last_piece },
        Trial { name: "refusals_in_a_transaction", run: refusals::a_refused_send_spoils_its_transaction },
        Trial { name: "large_bodies_come_back", run: large_bodies::they_come_back_from_the_disk },
        Trial { name: "transactions_of_many_segments", run: transactions::a_commit_over_many_segments_survives_a_kill },
        Trial { name: "secrets_are_seen_nowhere", run: secrets::passwords_are_seen_nowhere },
        Trial { name: "secrets_are_not_in_errors", run: secrets::errors_show_no_password },
        Trial { name: "secrets_in_a_store", run: secrets_in_a_store::the_tool_shows_none },
        Trial { name: "secrets_that_are_seen_are_caught", run: secrets::a_password_that_is_seen_is_caught },
        Trial { name: "users_file_is_made_and_changed", run: users::a_users_file_is_made_and_changed },
        Trial { name: "users_log_in", run: users::clients_log_in_and_do_what_they_may },
        Trial { name: "users_open_the_door", run: users::a_user_opens_the_door },
        Trial { name: "start_twice_on_nothing", run: start::two_on_an_empty_directory },
        Trial { name: "start_on_a_taken_port", run: start::a_taken_port_is_told },
        Trial { name: "start_says_what_runs", run: start::it_says_what_runs_and_where },
        Trial { name: "start_in_other_directories", run: start::directories_lie_where_they_are_set },
        Trial { name: "start_with_other_settings", run: start::what_is_fixed_is_told },
        Trial { name: "start_bounds_connections", run: start::connections_are_bounded_over_all_cores },
        Trial { name: "stop_by_sigterm", run: stop::sigterm_stops_in_order },
        Trial { name: "stop_by_sigint", run: stop::sigint_stops_in_order },
        Trial { name: "stop_of_an_idle_broker", run: stop::an_idle_broker_stops_in_order_too },
        Trial { name: "stop_and_kill_compared", run: stop::a_clean_stop_makes_the_next_start_short },
        Trial { name: "two_phase_parts_need_not_be_durable", run: two_phase::parts_need_not_be_durable },
        Trial { name: "two_phase_commits_wait_for_room", run: two_phase::commits_wait_for_room },
        Trial { name: "two_phase_refused_commit", run: two_phase::a_refused_commit_takes_nothing_from_its_client },
        Trial { name: "ttl_silent_client", run: time_to_live::a_silent_client_is_closed_and_its_messages_go_on },
        Trial { name: "ttl_client_that_reads_nothing", run: time_to_live::a_client_that_reads_nothing_is_closed },
        Trial { name: "ttl_others_stay", run: time_to_live::only_a_silent_client_is_closed },
        Trial { name: "ttl_override", run: time_to_live::the_override_wins },
    ];
    beside.extend(idle::trials());
    beside.extend(tls::trials().into_iter().chain(moves::trials()));
    // File systems that are full and devices that fail belong to this thread; how much memory is locked counts for a user.
    let alone = [
        Trial { name: "disk_full", run: disk_faults::a_full_disk_blocks_until_there_is_room },
        Trial { name: "disk_full_and_emptied", run: disk_faults::a_full_disk_can_be_emptied },
        Trial { name: "disk_full_and_emptied_by_both", run: disk_faults::a_full_disk_can_be_emptied_by_who_also_sends },
        Trial { name: "disk_fails", run: disk_faults::a_failed_device_ends_the_broker },
        Trial { name: "disk_write_fails", run: disk_faults::a_failed_write_ends_the_broker },
        Trial { name: "little_locked_memory", run: ordinary_user::the_readme_works_with_little_locked_memory },
        Trial { name: "no_limit_on_locked_memory", run: ordinary_user::without_a_limit_buffers_are_registered },
    ];
    harness::run_beside(&beside, &alone)
}
