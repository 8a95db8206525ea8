//! What limited users may set: how answers look and how values are read, the way clients do with every
//! request, and limits up to their own. Not there: other dialects, filters as text, files of
//! formats, caches that are shared, what has a condition worked out for rows that a filter hides
//! (`short_circuit_function_evaluation`), whatever is not known.

use super::book::Rights;
use crate::clickhouse::error::Failure;
use crate::clickhouse::settings::Settings;

type Result<T> = std::result::Result<T, Failure>;

const BY_NAME: &[&str] = &[
    "add_http_cors_header",
    "aggregate_functions_null_for_empty",
    "alter_sync",
    "any_join_distinct_right_table_keys",
    "apply_mutations_on_fly",
    "async_insert",
    "async_insert_deduplicate",
    "cancel_http_readonly_queries_on_client_close",
    "cast_keep_nullable",
    "cast_string_to_dynamic_use_inference",
    "connect_timeout",
    "count_distinct_implementation",
    "data_type_default_nullable",
    "date_time_input_format",
    "date_time_output_format",
    "describe_compact_output",
    "describe_include_subcolumns",
    "distributed_ddl_task_timeout",
    "distributed_product_mode",
    "do_not_merge_across_partitions_select_final",
    "enable_http_compression",
    "enable_scalar_subquery_optimization",
    "enable_unaligned_array_join",
    "extremes",
    "final",
    "flatten_nested",
    "group_by_use_nulls",
    "http_headers_progress_interval_ms",
    "http_receive_timeout",
    "http_send_timeout",
    "http_wait_end_of_query",
    "http_write_exception_in_output_format",
    "http_zlib_compression_level",
    "insert_allow_materialized_columns",
    "insert_deduplicate",
    "insert_deduplication_token",
    "insert_distributed_sync",
    "insert_null_as_default",
    "insert_quorum",
    "implicit_select",
    "join_algorithm",
    "join_any_take_last_row",
    "join_default_strictness",
    "join_use_nulls",
    "lightweight_delete_mode",
    "lightweight_deletes_sync",
    "limit",
    "log_comment",
    "log_queries",
    "max_block_size",
    "max_bytes_to_read",
    "max_execution_time",
    "max_insert_block_size",
    "max_insert_threads",
    "max_memory_usage",
    "max_partitions_per_insert_block",
    "max_result_bytes",
    "max_result_rows",
    "max_rows_to_read",
    "max_threads",
    "min_insert_block_size_bytes",
    "min_insert_block_size_rows",
    "mutations_sync",
    "offset",
    "optimize_read_in_order",
    "optimize_on_insert",
    "output_format_decimal_trailing_zeros",
    "prefer_column_name_to_alias",
    "prefer_localhost_replica",
    "priority",
    "query_plan_enable_optimizations",
    "queue_max_wait_ms",
    "read_overflow_mode",
    "readonly",
    "receive_timeout",
    "replace_running_query",
    "replication_alter_partitions_sync",
    "replication_wait_for_inactive_replica_timeout",
    "result_overflow_mode",
    "select_sequential_consistency",
    "send_progress_in_http_headers",
    "send_timeout",
    "session_timezone",
    "throw_if_no_data_to_insert",
    "transform_null_in",
    "union_default_mode",
    "use_client_time_zone",
    "use_uncompressed_cache",
    "validate_polygons",
    "wait_end_of_query",
    "wait_for_async_insert",
    "wait_for_async_insert_timeout",
    "zstd_window_log_max",
    "allow_nondeterministic_mutations",
    "allow_experimental_json_type",
    "allow_experimental_variant_type",
    "allow_experimental_dynamic_type",
    "allow_suspicious_low_cardinality_types",
    "allow_suspicious_types_in_group_by",
    "allow_suspicious_types_in_order_by",
    "enable_json_type",
    "enable_time_time64_type",
    "use_variant_as_common_type",
    "database_replicated_enforce_synchronous_settings",
    "decimal_check_overflow",
    "empty_result_for_aggregation_by_empty_set",
    "format_csv_delimiter",
    "format_binary_max_string_size",
    "insert_keeper_fault_injection_probability",
    "network_compression_method",
    "network_zstd_compression_level",
    "default_table_engine",
    "allow_nullable_key",
];
const BY_BEGINNING: [&str; 4] = ["input_format_", "output_format_", "format_csv_", "format_tsv_"];
/// What a CREATE or ALTER may say of a table, beside those above.
const OF_TABLES: &[&str] = &[
    "allow_nullable_key",
    "deduplicate_merge_projection_mode",
    "enable_block_number_column",
    "enable_block_offset_column",
    "fsync_after_insert",
    "fsync_part_directory",
    "index_granularity",
    "index_granularity_bytes",
    "lightweight_mutation_projection_mode",
    "merge_with_ttl_timeout",
    "min_bytes_for_wide_part",
    "min_rows_for_wide_part",
    "non_replicated_deduplication_window",
    "parts_to_delay_insert",
    "parts_to_throw_insert",
    "replicated_deduplication_window",
    "ttl_only_drop_parts",
];
/// Within what looks harmless: they name files of the server's, or places that it would ask.
const OF_FILES: [&str; 5] = ["schema", "template", "path", "file", "url"];

/// An expression among VALUES is worked out without the gate, and `file('…')` is one. So values of
/// limited users are literals (measured: with either of these on, files come out).
const EXPRESSIONS: [&str; 2] = [
    "input_format_values_interpret_expressions",
    "input_format_values_deduce_templates_of_expressions",
];

/// Takes a request's settings through: refuses what is not the user's to set, and lowers limits.
pub(super) fn allow(rights: &Rights, wanted: &mut Settings) -> Result<()> {
    for (name, value) in wanted.iter_mut() {
        check_name(name)?;
        if let Some(most) = rights.limits.get(name.as_str()) {
            *value = number(value).map_or(*most, |asked| at_most(asked, *most)).to_string();
        }
    }
    for (name, most) in &rights.limits {
        wanted.entry((*name).into()).or_insert_with(|| most.to_string());
    }
    wanted.extend(EXPRESSIONS.map(|name| (name.to_owned(), "0".to_owned())));
    Ok(())
}

/// The same for what stands in a statement, where it cannot be lowered.
pub(super) fn allow_in_text(
    rights: &Rights,
    pairs: &[(String, String)],
    of_table: bool,
) -> Result<()> {
    for (name, value) in pairs {
        if of_table && OF_TABLES.contains(&name.as_str()) {
            continue;
        }
        check_name(name)?;
        if let Some(most) = rights.limits.get(name.as_str()) {
            let asked = number(value);
            if asked.is_none_or(|asked| at_most(asked, *most) != asked) {
                let text = format!("Setting {name} should not be greater than {most}");
                return Err(Failure::new(452, "SETTING_CONSTRAINT_VIOLATION", text));
            }
        }
        // By its comment a statement is found, to be shown under its name or ended.
        if matches!(name.as_str(), "readonly" | "log_comment") {
            return Err(not_theirs(name));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let begins = BY_BEGINNING.iter().any(|start| name.starts_with(start));
    let of_files = OF_FILES.iter().any(|part| name.contains(part));
    let is_fixed = EXPRESSIONS.contains(&name);
    match BY_NAME.contains(&name) || (begins && !of_files && !is_fixed) {
        true => Ok(()),
        false => Err(not_theirs(name)),
    }
}

fn not_theirs(name: &str) -> Failure {
    let text = format!("Setting {name} is not one that limited users may change");
    Failure::new(452, "SETTING_CONSTRAINT_VIOLATION", text)
}

fn number(value: &str) -> Option<u64> {
    value.parse().ok().or_else(|| {
        let seconds = value.parse::<f64>().ok().filter(|seconds| (0.0..1e18).contains(seconds))?;
        Some(seconds.ceil() as u64)
    })
}

/// 0 is none, so the most.
fn at_most(asked: u64, most: u64) -> u64 {
    match (asked, most) {
        (asked, 0) => asked,
        (0, most) => most,
        (asked, most) => asked.min(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights() -> Rights {
        Rights {
            limits: [("max_threads", 2), ("max_execution_time", 10)].into(),
            ..Rights::default()
        }
    }

    fn allowed(pairs: &[(&str, &str)]) -> Result<Settings> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut wanted: Settings = pairs.collect();
        allow(&rights(), &mut wanted).map(|()| wanted)
    }

    #[test]
    fn limits_are_lowered_and_put_in_place() {
        let wanted = allowed(&[("max_threads", "8"), ("session_timezone", "UTC")]).unwrap();
        assert_eq!(
            (wanted["max_threads"].as_str(), wanted["max_execution_time"].as_str()),
            ("2", "10")
        );
        for unlimited in ["0", "-1", "auto", "1e30", ""] {
            assert_eq!(
                allowed(&[("max_threads", unlimited)]).unwrap()["max_threads"],
                "2",
                "{unlimited}"
            );
        }
        assert_eq!(allowed(&[("max_execution_time", "1.5")]).unwrap()["max_execution_time"], "2");
        assert_eq!(allowed(&[("max_threads", "1")]).unwrap()["max_threads"], "1");
    }

    #[test]
    fn what_opens_other_ways_is_refused() {
        for name in [
            "dialect",
            "additional_table_filters",
            "additional_result_filter",
            "format_schema",
            "input_format_x_schema",
            "input_format_record_errors_file_path",
            "format_avro_schema_registry_url",
            "output_format_avro_rows_in_file",
            "short_circuit_function_evaluation",
            "output_format_template",
            "use_query_cache",
            "allow_introspection_functions",
            "max_memory_usage_for_user",
            "cluster_for_parallel_replicas",
            "Max_Threads",
            "storage_policy",
            "input_format_values_interpret_expressions",
            "input_format_values_deduce_templates_of_expressions",
        ] {
            assert_eq!(allowed(&[(name, "1")]).unwrap_err().exception.code, 452, "{name}");
        }
        let pair = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        assert!(allow_in_text(&rights(), &pair("max_threads", "3"), false).is_err());
        assert!(allow_in_text(&rights(), &pair("max_threads", "0"), false).is_err());
        assert!(allow_in_text(&rights(), &pair("max_threads", "2"), false).is_ok());
        assert!(allow_in_text(&rights(), &pair("readonly", "0"), false).is_err());
        assert!(allow_in_text(&rights(), &pair("index_granularity", "1"), false).is_err());
        assert!(allow_in_text(&rights(), &pair("index_granularity", "1"), true).is_ok());
        assert!(allow_in_text(&rights(), &pair("disk", "1"), true).is_err());
    }
}
