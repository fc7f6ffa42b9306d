/* process_*: the standard set; and what the API was asked. */
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/api/metrics_text.h"

static const char *const gauge = "gauge";
static const char *const counter = "counter";

/* Without "." and "..", and without the one that looks. */
static double open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    double count = -3;
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return d ? count : 0;
}

static void put_answers(FILE *f, const struct api_view *v)
{
    metrics_head(f, "tandem_http_requests_total", counter, "Requests answered, by status.");
    for (unsigned status = 100; v->answered && status < API_STATUSES; status++)
        if (v->answered[status])
            fprintf(f, "tandem_http_requests_total{code=\"%u\"} %llu\n", status,
                    (unsigned long long)v->answered[status]);
}

void metrics_process(FILE *f, const struct api_view *v)
{
    struct rusage usage;
    struct core_status s;
    unsigned long pages = 0, resident = 0;
    core_status(v->core, v->now_ms, &s);
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm && fscanf(statm, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    if (statm)
        fclose(statm);
    metrics_single(f, "process_cpu_seconds_total", counter, "CPU time.", cpu);
    metrics_single(f, "process_resident_memory_bytes", gauge, "Resident memory.",
           (double)resident * (double)sysconf(_SC_PAGESIZE));
    metrics_single(f, "process_virtual_memory_bytes", gauge, "Address space.",
                   (double)pages * (double)sysconf(_SC_PAGESIZE));
    metrics_single(f, "process_open_fds", gauge, "Open descriptors.", open_descriptors());
    struct rlimit files = { 0 };
    getrlimit(RLIMIT_NOFILE, &files);
    metrics_single(f, "process_max_fds", gauge, "Descriptors that it may have open.", (double)files.rlim_cur);
    metrics_single(f, "process_start_time_seconds", gauge, "Start, since 1970.",
           (double)(v->wall_ms - (v->now_ms - s.started_ms)) / 1000);
    put_answers(f, v);
}
