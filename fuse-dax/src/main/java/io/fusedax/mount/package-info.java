/**
 * The mount: a volume served to the kernel through jnr-fuse and libfuse 2.9.
 *
 * <p>Layers, each knowing only the one below:
 *
 * <ol>
 *   <li>{@link io.fusedax.mount.MountSession}: life cycle, threads, unmounting.
 *   <li>{@code RequestLoop}: takes requests off the device. One that names its file by an open
 *       handle or a known node is answered at once ({@code HandleRequests} and its siblings); one
 *       that names it by path goes through libfuse to the jnr-fuse callbacks ({@code
 *       PathOperations}).
 *   <li>{@link io.fusedax.backing.volume.Volume}: everything else.
 * </ol>
 */
package io.fusedax.mount;
