/* The driver's library for imitated GPUs: it refuses what the real one refuses, and can be told to fail or to hang.

   What GPUs are set to stands in the file that IMITATED_NVML names, as in a driver, so that it outlives the processes that
   set it. `tests/signals/gpus.py` has the same layout. Source: https://docs.nvidia.com/deploy/nvml-api/ */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { OK, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND = 6, TOO_SHORT, DRIVER_NOT_LOADED = 9,
       GPU_IS_LOST = 15 };
enum { NONE, HANG, REFUSE, IGNORE, REBOOT, LOST };
enum { MOST_GPUS = 8, MOST_KEPT = 65536 };

typedef struct {
    char uuid[48];
    uint32_t fault, persistence, least, most, standard, limit, usage, kept_count, outside_count;
    uint32_t kept[MOST_KEPT];
    uint32_t outside[16];
} Gpu;

typedef struct {
    uint32_t is_loaded, fault, count;
    Gpu gpus[MOST_GPUS];
} Driver;

static int opened; /* how often this process has opened the library */
static Driver *driver;
static char path[4096];

/* Find the state; another file takes the place of the one before, which calls that hang may still look at. */
static int reach(void) {
    const char *named = getenv("IMITATED_NVML");
    if (!named) return DRIVER_NOT_LOADED;
    if (!driver || strcmp(path, named)) {
        int file = open(named, O_RDWR | O_CLOEXEC);
        if (file < 0) return DRIVER_NOT_LOADED;
        void *found = mmap(NULL, sizeof(Driver), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
        if (found == MAP_FAILED) return DRIVER_NOT_LOADED;
        strncpy(path, named, sizeof path - 1);
        driver = found;
    }
    return driver->is_loaded ? OK : DRIVER_NOT_LOADED;
}

static void hang(volatile uint32_t *fault) {
    const struct timespec moment = {0, 1000000};
    while (*fault == HANG) nanosleep(&moment, NULL);
}

int nvmlInitWithFlags(unsigned flags) {
    int fault = reach();
    (void)flags;
    if (fault) return fault;
    hang(&driver->fault);
    __sync_fetch_and_add(&opened, 1);
    return OK;
}

int nvmlShutdown(void) {
    if (opened <= 0) return UNINITIALIZED;
    __sync_fetch_and_sub(&opened, 1);
    return OK;
}

const char *nvmlErrorString(int code) {
    return code == TOO_SHORT ? "Insufficient Size" : "an error of the imitation";
}

static int handle_of(uint32_t index, Gpu **handle) {
    if (opened <= 0) return UNINITIALIZED;
    int fault = reach();
    if (fault) return fault;
    if (index >= driver->count) return INVALID_ARGUMENT;
    *handle = &driver->gpus[index];
    return driver->gpus[index].fault == LOST ? GPU_IS_LOST : OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Gpu **handle) { return handle_of(index, handle); }

int nvmlDeviceGetHandleByUUID(const char *uuid, Gpu **handle) {
    Gpu *found;
    for (uint32_t index = 0; index < MOST_GPUS; index++) {
        int fault = handle_of(index, &found);
        if (fault == INVALID_ARGUMENT) return NOT_FOUND;
        if (fault && fault != GPU_IS_LOST) return fault;
        if (!strcmp(found->uuid, uuid)) {
            *handle = found;
            return fault;
        }
    }
    return NOT_FOUND;
}

/* Check what every call on a GPU needs. */
static int ready(Gpu *gpu) {
    if (opened <= 0) return UNINITIALIZED;
    if (!driver || gpu < driver->gpus || gpu >= driver->gpus + driver->count) return INVALID_ARGUMENT;
    hang(&gpu->fault);
    if (!driver->is_loaded) return DRIVER_NOT_LOADED;
    return gpu->fault == LOST ? GPU_IS_LOST : OK;
}

static int told(Gpu *gpu, const uint32_t *field, uint32_t *value) {
    int fault = ready(gpu);
    if (!fault) *value = *field;
    return fault;
}

int nvmlDeviceGetPowerManagementLimit(Gpu *gpu, uint32_t *limit) { return told(gpu, &gpu->limit, limit); }
int nvmlDeviceGetPowerManagementDefaultLimit(Gpu *gpu, uint32_t *limit) { return told(gpu, &gpu->standard, limit); }
int nvmlDeviceGetPersistenceMode(Gpu *gpu, uint32_t *mode) { return told(gpu, &gpu->persistence, mode); }

int nvmlDeviceGetPowerUsage(Gpu *gpu, uint32_t *usage) {
    int fault = told(gpu, &gpu->usage, usage);
    if (!fault && *usage > gpu->limit) *usage = gpu->limit;
    return fault;
}

int nvmlDeviceGetPowerManagementLimitConstraints(Gpu *gpu, uint32_t *least, uint32_t *most) {
    int fault = told(gpu, &gpu->least, least);
    return fault ? fault : told(gpu, &gpu->most, most);
}

int nvmlDeviceSetPowerManagementLimit(Gpu *gpu, uint32_t limit) {
    int fault = ready(gpu);
    if (fault) return fault;
    if (limit < gpu->least || limit > gpu->most) {
        uint32_t index = __sync_fetch_and_add(&gpu->outside_count, 1);
        if (index < 16) gpu->outside[index] = limit;
        return INVALID_ARGUMENT;
    }
    if (gpu->fault == REFUSE) return NO_PERMISSION;
    if (gpu->fault == IGNORE) return OK;
    gpu->limit = limit;
    uint32_t index = __sync_fetch_and_add(&gpu->kept_count, 1);
    if (index < MOST_KEPT) gpu->kept[index] = limit;
    return gpu->fault == REBOOT ? GPU_IS_LOST : OK;
}
