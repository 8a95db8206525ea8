//! Settings that every statement of ours has, whatever the profile of the user says: with another value rows
//! would come out otherwise, or not all of them.

/// A progress header as often as this: more often than any balancer gives up.
const PROGRESS_EVERY_MS: &str = "20000";

/// Of a cluster's statements, beside the others.
pub(super) const OF_CLUSTER: &[(&str, &str)] = &[
    // An answer means that every shard has its rows, and that every server has done what was said ON CLUSTER.
    ("distributed_foreground_insert", "1"),
    ("distributed_ddl_output_mode", "throw"),
    // Rows of a shard that does not answer would be missing without a word, those of one that is passed over, too.
    ("skip_unavailable_shards", "0"),
    ("optimize_skip_unused_shards", "0"),
    ("distributed_group_by_no_merge", "0"),
    // Rows go where their key says.
    ("insert_shard_id", "0"),
    ("insert_distributed_one_random_shard", "0"),
    ("parallel_distributed_insert_select", "0"),
    // A question within a question is about all rows, not about those of the shard that is asked.
    ("distributed_product_mode", "global"),
    ("prefer_global_in_and_join", "1"),
    // The replica of a shard that is written to is the one that is read from, as long as it is there.
    ("load_balancing", "in_order"),
    ("prefer_localhost_replica", "1"),
    ("use_hedged_requests", "0"),
    ("max_parallel_replicas", "1"),
];

/// All of them are older than the types that we need.
pub(super) const AS_EVER: &[(&str, &str)] = &[
    // An answer is there when the statement is through, and its connection is no idle one meanwhile.
    ("wait_end_of_query", "1"),
    ("send_progress_in_http_headers", "1"),
    ("http_headers_progress_interval_ms", PROGRESS_EVERY_MS),
    // Parts of an answer would be missing without a word: a limit that ends instead of failing, a filter.
    ("limit", "0"),
    ("offset", "0"),
    ("result_overflow_mode", "throw"),
    ("read_overflow_mode", "throw"),
    ("group_by_overflow_mode", "throw"),
    ("sort_overflow_mode", "throw"),
    ("distinct_overflow_mode", "throw"),
    ("set_overflow_mode", "throw"),
    ("join_overflow_mode", "throw"),
    ("timeout_overflow_mode", "throw"),
    ("additional_result_filter", ""),
    ("additional_table_filters", "{}"),
    // There would be more: totals of extremes, rows that were deleted, older versions of a mirror's.
    ("extremes", "0"),
    ("apply_deleted_mask", "1"),
    ("do_not_merge_across_partitions_select_final", "0"),
    ("use_skip_indexes_if_final", "0"),
    // It would be the answer of before.
    ("use_query_cache", "0"),
    // Joins, sets and sums would mean something else.
    ("join_use_nulls", "0"),
    ("join_default_strictness", "ALL"),
    ("transform_null_in", "0"),
    ("final", "0"),
    ("aggregate_functions_null_for_empty", "0"),
    ("empty_result_for_aggregation_by_empty_set", "0"),
    ("group_by_use_nulls", "0"),
    ("cast_keep_nullable", "0"),
    ("decimal_check_overflow", "1"),
    // Types and times would.
    ("data_type_default_nullable", "0"),
    ("session_timezone", ""),
    // Values would be spelt otherwise.
    ("date_time_output_format", "simple"),
    ("bool_true_representation", "true"),
    ("bool_false_representation", "false"),
    ("format_tsv_null_representation", "\\N"),
    ("output_format_tsv_crlf_end_of_line", "0"),
    // Rows of ours that are sent as text would be read otherwise, or passed over.
    ("input_format_tsv_empty_as_default", "0"),
    ("input_format_tsv_skip_first_lines", "0"),
    ("input_format_allow_errors_num", "0"),
    ("input_format_allow_errors_ratio", "0"),
    // A column that is not sent would not have its DEFAULT, and one of another type would be refused.
    ("input_format_defaults_for_omitted_fields", "1"),
    ("input_format_native_allow_types_conversion", "1"),
    // The view of a table that fails would fail without a word.
    ("materialized_views_ignore_errors", "0"),
    // An ALTER would be answered before it is done.
    ("alter_sync", "1"),
];
