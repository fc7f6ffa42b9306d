/* A file beside the loop, in a folder of its own. */
#include "node/io/sink.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/cu.h"

struct lab {
    uv_loop_t loop;
    char folder[32], name[64], part[80];
    struct sink *sink;
    unsigned ends, rooms;
    int error;
    uint64_t bytes;
};

static void on_end(void *data, const struct sink_end *e)
{
    struct lab *l = data;
    l->ends++;
    l->error = e->error;
    l->bytes = e->bytes;
    l->sink = NULL;
}

static void on_room(void *data)
{
    ((struct lab *)data)->rooms++;
}

static void lab_open(struct lab *l, bool keeps_part)
{
    *l = (struct lab){ .folder = "/tmp/tandem-sink-XXXXXX" };
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(l->folder));
    snprintf(l->name, sizeof l->name, "%s/file", l->folder);
    snprintf(l->part, sizeof l->part, "%s.part", l->name);
    uv_loop_init(&l->loop);
    l->sink = sink_open(&(struct sink_cfg){ .loop = &l->loop,
                                            .name = l->name,
                                            .keeps_part = keeps_part,
                                            .on_room = on_room,
                                            .on_end = on_end,
                                            .data = l });
}

static void lab_close(struct lab *l)
{
    CU_ASSERT_NOT_EQUAL(access(l->part, F_OK), 0);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
    unlink(l->name);
    rmdir(l->folder);
}

static void put(struct lab *l, uint8_t byte, size_t len)
{
    uint8_t *bytes = malloc(len);
    memset(bytes, byte, len);
    sink_put(l->sink, bytes, len);
    free(bytes);
}

static long long size_of(const struct lab *l)
{
    struct stat at;
    return stat(l->name, &at) ? -1 : (long long)at.st_size;
}

static void test_a_file_has_its_name_when_it_is_whole(void)
{
    struct lab l;
    lab_open(&l, false);
    put(&l, 'a', 10);
    uv_run(&l.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(size_of(&l), -1);
    CU_ASSERT_EQUAL(access(l.part, F_OK), 0);
    put(&l, 'b', 5);
    sink_finish(l.sink);
    uv_run(&l.loop, UV_RUN_DEFAULT);
    CU_ASSERT(l.ends == 1 && l.error == 0 && l.bytes == 15);
    CU_ASSERT_EQUAL(size_of(&l), 15);
    lab_close(&l);
}

static void test_what_is_more_than_a_piece_waits_for_room(void)
{
    struct lab l;
    lab_open(&l, false);
    for (int i = 0; i < 5; i++) {
        put(&l, (uint8_t)i, sink_room(l.sink));
        unsigned rooms = l.rooms;
        while (!sink_room(l.sink))
            uv_run(&l.loop, UV_RUN_ONCE);
        CU_ASSERT_TRUE(l.rooms > rooms || sink_room(l.sink));
    }
    sink_finish(l.sink);
    uv_run(&l.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(l.bytes, 5ull * SINK_PIECE);
    FILE *f = fopen(l.name, "r");
    for (long i = 0; f && i < 5; i++) {
        fseek(f, i * SINK_PIECE + 7, SEEK_SET);
        CU_ASSERT_EQUAL(fgetc(f), i);
    }
    if (f)
        fclose(f);
    lab_close(&l);
}

static void test_nothing_is_left_of_a_file_that_was_dropped(void)
{
    for (int steps = 0; steps < 3; steps++) {
        struct lab l;
        lab_open(&l, true);
        put(&l, 'a', 10);
        for (int i = 0; i < steps; i++)
            uv_run(&l.loop, UV_RUN_ONCE);
        sink_drop(l.sink);
        uv_run(&l.loop, UV_RUN_DEFAULT);
        CU_ASSERT(l.ends == 0 && size_of(&l) == -1);
        lab_close(&l);
    }
}

static void test_a_folder_that_is_not_there_is_told_once(void)
{
    struct lab l;
    lab_open(&l, true);
    sink_drop(l.sink);
    uv_run(&l.loop, UV_RUN_DEFAULT);
    l.sink = sink_open(&(struct sink_cfg){
        .loop = &l.loop, .name = "/tmp/tandem-sink-nowhere/file", .on_end = on_end, .data = &l });
    put(&l, 'a', 10);
    uv_run(&l.loop, UV_RUN_DEFAULT);
    CU_ASSERT(l.ends == 1 && l.error == ENOENT && l.bytes == 0);
    lab_close(&l);
}

/* A limit on the size of files stands for a disk that is full. */
static void fill_up(struct lab *l, bool keeps_part)
{
    struct rlimit before, full = { .rlim_cur = 1000 };
    getrlimit(RLIMIT_FSIZE, &before);
    full.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    lab_open(l, keeps_part);
    setrlimit(RLIMIT_FSIZE, &full);
    put(l, 'a', 900);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    put(l, 'b', 900);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT(l->ends == 1 && l->error == EFBIG && l->bytes == 900);
}

static void test_a_full_disk_ends_a_file_at_its_last_whole_piece(void)
{
    struct lab l;
    fill_up(&l, true);
    CU_ASSERT_EQUAL(size_of(&l), 900);
    lab_close(&l);
}

static void test_a_full_disk_leaves_no_half_of_what_must_be_whole(void)
{
    struct lab l;
    fill_up(&l, false);
    CU_ASSERT_EQUAL(size_of(&l), -1);
    lab_close(&l);
}

CU_MAIN("sink", CU_CASE(test_a_file_has_its_name_when_it_is_whole),
        CU_CASE(test_what_is_more_than_a_piece_waits_for_room),
        CU_CASE(test_nothing_is_left_of_a_file_that_was_dropped),
        CU_CASE(test_a_folder_that_is_not_there_is_told_once),
        CU_CASE(test_a_full_disk_ends_a_file_at_its_last_whole_piece),
        CU_CASE(test_a_full_disk_leaves_no_half_of_what_must_be_whole))
