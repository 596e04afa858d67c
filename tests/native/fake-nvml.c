/* A management library of two GPUs, the second of which tells little. What the real one tells is in its units. */
#include <string.h>

typedef struct { unsigned int gpu, memory; } utilization;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory;
enum { success = 0, invalid_argument = 2, not_supported = 3 };

static int full = 1, sparse = 2;

int nvmlInit_v2(void) { return success; }
int nvmlShutdown(void) { return success; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return success; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    if (index > 1) return invalid_argument;
    *device = index == 0 ? &full : &sparse;
    return success;
}
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    strncpy(name, device == &full ? "NVIDIA H100 80GB HBM3" : "GRID", length);
    return success;
}
int nvmlDeviceGetUUID(void *device, char *uuid, unsigned int length) {
    if (device == &sparse) return not_supported;
    strncpy(uuid, "GPU-6f0f5b3c", length);
    return success;
}
int nvmlDeviceGetUtilizationRates(void *device, utilization *rates) {
    if (device == &sparse) return not_supported;
    *rates = (utilization){ 87, 31 };
    return success;
}
int nvmlDeviceGetMemoryInfo_v2(void *device, memory *info) {
    if (device == &sparse || info->version >> 24 != 2) return not_supported;
    info->total = 85520809984ull;
    info->used = 42949672960ull;
    return success;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) { *milliwatts = 412500; return device == &full ? success : not_supported; }
int nvmlDeviceGetClockInfo(void *device, int kind, unsigned int *megahertz) { *megahertz = kind == 1 ? 1980 : 1; return device == &full ? success : not_supported; }
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius) { *celsius = 61 + sensor; return device == &full ? success : not_supported; }
