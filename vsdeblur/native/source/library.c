// The library itself: its entry on Windows, and the digest of the files that it was built from.

#include "places.h"

#if defined(_WIN32)
int __stdcall DllMainCRTStartup(void *module, unsigned long reason, void *reserved) {
    (void)module, (void)reason, (void)reserved;
    return 1;
}
#endif

#ifndef KERNELS_SOURCE
#define KERNELS_SOURCE ""
#endif
EXPORT const char kernels_source[] = KERNELS_SOURCE;
