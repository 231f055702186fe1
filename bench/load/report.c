/* The last line: everything that was found out. */
#include "report.h"
#include "counters.h"
#include "options.h"

#include <stdio.h>

static void print_faults(const char *name, const Faults *faults) {
    printf(",\"%s\":{\"lost\":%llu,\"doubled\":%llu,\"reordered\":%llu}", name,
           (unsigned long long)faults->lost, (unsigned long long)faults->doubled,
           (unsigned long long)faults->reordered);
}

static void print_histogram(const char *name, const Histogram *histogram, bool shape) {
    printf(",\"%s\":", name);
    histogram_print(stdout, histogram, shape);
}

static void print_count(const char *name, uint64_t count) {
    printf(",\"%s\":%llu", name, (unsigned long long)count);
}

static void print_memory(const char *name, Usage at, const char *comma) {
    printf("%s\"%s\":{\"rss_kb\":%llu,\"pss_kb\":%llu}", comma, name,
           (unsigned long long)at.rss_kb, (unsigned long long)at.pss_kb);
}

void report_print(const Run *run) {
    double span = (double)(run->measured_until - run->measured_from) / 1e9;
    double cpu = run->after.cpu - run->before.cpu;
    printf("{\"event\":\"result\",\"seconds\":%.3f,\"linked_s\":%.3f", span,
           (double)(run->linked_at - run->started_at) / 1e9);
    printf(",\"server_cpu_s\":%.3f,\"load_cpu_s\":%.3f,\"load_busy\":%.4f", cpu,
           run->own_after - run->own_before, (run->own_after - run->own_before) / span);
    printf(",\"chunks_per_s\":%.1f", (double)report.chunks / span);
    if (report.chunks > 0)
        printf(",\"cpu_us_per_chunk\":%.3f", cpu * 1e6 / (double)report.chunks);
    print_count("chunks", report.chunks);
    print_count("all_chunks", report.all_chunks);
    print_count("answers", report.answers);
    print_count("all_answers", report.all_answers);
    print_count("unfinished", report.unfinished);
    print_count("apologies", report.apologies);
    print_count("refused", report.refused);
    print_count("stray_acknowledgements", report.strays);
    print_count("links_lost", report.links_lost);
    print_count("link_retries", report.link_retries);
    print_count("readers_reopened", report.readers_reopened);
    print_count("surprises", report.surprises);
    printf(",\"surprise\":\"%s\"", report.surprise);
    print_faults("events", &report.events);
    print_faults("acknowledgements", &report.acknowledgements);
    print_histogram("delay_ms", &report.delay, true);
    print_histogram("first_byte_ms", &report.first_byte, true);
    print_histogram("first_chunk_ms", &report.first_chunk, true);
    print_histogram("answer_ms", &report.answer, false);
    print_histogram("probe_ms", &report.probe, true);
    print_histogram("late_ms", &report.late, false);
    print_histogram("relink_ms", &report.relink, false);
    printf(",\"memory\":{");
    print_memory("first", run->first, "");
    print_memory("linked", run->linked, ",");
    print_memory("last", run->last, ",");
    printf("}");
    if (options.dialect == MODEL)
        printf(",\"model\":{\"connections\":%llu,\"requests\":%llu}",
               (unsigned long long)report.model_connections,
               (unsigned long long)report.model_requests);
    printf("}\n");
}
