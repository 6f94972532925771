/**
 * The mount: a volume served to the kernel.
 *
 * <p>Layers, each knowing only the one below:
 *
 * <ol>
 *   <li>{@link io.fusedax.mount.MountSession}: life cycle, threads, unmounting.
 *   <li>{@code Transport}: where requests come from and replies go to. {@code NativeTransport} is
 *       /dev/fuse itself; its nodes are inodes. {@code LibfuseTransport} is libfuse 2.9 through
 *       jnr-fuse; a request that names its file by path goes through libfuse to the callbacks in
 *       {@code PathOperations}.
 *   <li>{@code RequestDispatcher} and the {@code *Requests} handlers: the kernel's requests on
 *       inodes and open handles, the same for both transports as far as libfuse lets them.
 *   <li>{@link io.fusedax.backing.volume.Volume}: everything else.
 * </ol>
 */
package io.fusedax.mount;
