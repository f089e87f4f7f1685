// A library that is no delegate and knows nothing of Edge TPUs.
extern "C" __attribute__((visibility("default"))) int add(int a, int b) { return a + b; }
