/**
 * Power cuts by enumeration: workloads on a small volume, all the images that a cut could leave of
 * them, and what must hold of each. Behind tests/crash.
 */
package io.fusedax.tests.powercut;
