/* Histograms, what /proc says of the server, and their JSON. */
#define _GNU_SOURCE
#include "figures.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static unsigned bucket_of(nanos value) {
    if (value < (1U << SUB_BITS))
        return (unsigned)value;
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (unsigned)((value >> shift) & ((1U << SUB_BITS) - 1));
}

/* The highest value of a bucket. */
static nanos upper_of(unsigned bucket) {
    if (bucket < (1U << SUB_BITS))
        return bucket;
    unsigned shift = (bucket >> SUB_BITS) - 1;
    nanos lowest = ((nanos)((bucket & ((1U << SUB_BITS) - 1)) | (1U << SUB_BITS))) << shift;
    return lowest + ((1ULL << shift) - 1);
}

void histogram_note(Histogram *histogram, nanos value) {
    histogram->counts[bucket_of(value)]++;
    histogram->count++;
    histogram->sum += (double)value;
    if (value > histogram->highest)
        histogram->highest = value;
}

static double percentile_ms(const Histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.999999);
    uint64_t passed = 0;
    if (wanted == 0)
        wanted = 1;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        passed += histogram->counts[bucket];
        if (passed >= wanted) {
            nanos upper = upper_of(bucket);
            return (double)(upper < histogram->highest ? upper : histogram->highest) / 1e6;
        }
    }
    return (double)histogram->highest / 1e6;
}

void histogram_print(FILE *out, const Histogram *histogram, bool shape) {
    if (histogram->count == 0) {
        fputs("null", out);
        return;
    }
    fprintf(out,
            "{\"count\":%llu,\"mean\":%.4f,\"p50\":%.4f,\"p90\":%.4f,\"p99\":%.4f,"
            "\"p99_9\":%.4f,\"max\":%.4f",
            (unsigned long long)histogram->count,
            histogram->sum / (double)histogram->count / 1e6, percentile_ms(histogram, 0.5),
            percentile_ms(histogram, 0.9), percentile_ms(histogram, 0.99),
            percentile_ms(histogram, 0.999), (double)histogram->highest / 1e6);
    if (shape) {
        const unsigned step = 1U << (SUB_BITS - 4); /* sixteen an octave are enough to draw */
        const char *comma = "";
        fputs(",\"shape\":[", out);
        for (unsigned bucket = 0; bucket < BUCKETS; bucket += step) {
            uint64_t count = 0;
            for (unsigned each = bucket; each < bucket + step; each++)
                count += histogram->counts[each];
            if (count > 0) {
                fprintf(out, "%s[%.5f,%llu]", comma, (double)upper_of(bucket + step - 1) / 1e6,
                        (unsigned long long)count);
                comma = ",";
            }
        }
        fputc(']', out);
    }
    fputc('}', out);
}

static size_t read_file(const char *path, char *into, size_t room) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t size = fread(into, 1, room - 1, file);
    fclose(file);
    into[size] = 0;
    return size;
}

Usage usage_of(const int *pids, unsigned count, bool memory) {
    Usage usage = {0};
    for (unsigned i = 0; i < count; i++) {
        char path[64], text[4096];
        snprintf(path, sizeof path, "/proc/%d/stat", pids[i]);
        if (read_file(path, text, sizeof text) == 0)
            continue;
        const char *fields = strrchr(text, ')'); /* a program's name may hold anything */
        unsigned long user, system;
        if (fields == NULL || sscanf(fields + 1,
                                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                     &user, &system) != 2)
            continue;
        usage.cpu += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
        if (!memory)
            continue;
        snprintf(path, sizeof path, "/proc/%d/status", pids[i]);
        const char *line;
        if (read_file(path, text, sizeof text) && (line = strstr(text, "VmRSS:")) != NULL)
            usage.rss_kb += strtoull(line + 6, NULL, 10);
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pids[i]);
        if (read_file(path, text, sizeof text) && (line = strstr(text, "\nPss:")) != NULL)
            usage.pss_kb += strtoull(line + 5, NULL, 10);
    }
    return usage;
}

double own_cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
