#include "maptest.h"
int calls_main(int argc, char **argv){(void)argc;(void)argv;return 0;}
int stress_main(int argc, char **argv){(void)argc;(void)argv;return 0;}
int security_main(int argc, char **argv){(void)argc;(void)argv;return 0;}
