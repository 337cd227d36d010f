/* SPDX-License-Identifier: Apache-2.0 */

/* The rule by which apps without a limit of requests at once get processes; see
 * the header. Called by app_limits. */
#include "app_load.h"

enum {
    HIGH_PERCENT = 80,
    HIGH_REQUESTS = 2,
    LOW_PERCENT = 40, /* half of what is high: else it would go to and fro */
};

static void keep(app_load_t *load, uint32_t percent, uint32_t requests)
{
    if (load->looks == APP_LOAD_LOOKS) {
        for (int i = 1; i < APP_LOAD_LOOKS; i++) {
            load->percent[i - 1] = load->percent[i];
            load->requests[i - 1] = load->requests[i];
        }
        load->looks--;
    }
    load->percent[load->looks] = percent;
    load->requests[load->looks++] = requests;
}

void app_load_add(app_load_t *load, uint64_t now, uint64_t busy,
                  uint32_t requests)
{
    if (load->when != 0 && now > load->when && busy >= load->busy) {
        keep(load, (uint32_t)((busy - load->busy) * 100 / (now - load->when)),
             requests);
    }
    load->when = now;
    load->busy = busy;
}

int app_load_is_high(const app_load_t *load)
{
    uint32_t requests = 0;

    if (load->looks < APP_LOAD_LOOKS) {
        return 0;
    }
    for (int i = 0; i < APP_LOAD_LOOKS; i++) {
        if (load->percent[i] < HIGH_PERCENT) {
            return 0;
        }
        requests += load->requests[i];
    }
    return requests >= HIGH_REQUESTS * APP_LOAD_LOOKS;
}

uint32_t app_load_percent(const app_load_t *load)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < load->looks; i++) {
        sum += load->percent[i];
    }
    return load->looks ? sum / load->looks : 0;
}

int app_load_is_low(uint32_t percent, uint32_t processes)
{
    return processes > 1 && percent < LOW_PERCENT * (processes - 1);
}
