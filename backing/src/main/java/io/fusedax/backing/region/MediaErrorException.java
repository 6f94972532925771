package io.fusedax.backing.region;

/**
 * A place of a region cannot be read, or not be stored into: a bad block, or storage that the host
 * has taken away. Who accesses file data turns it into EIO; in metadata it stops the volume, as any
 * unchecked exception does.
 */
public final class MediaErrorException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /**
     * @param message names region, place and what is wrong with it
     */
    public MediaErrorException(String message) {
        super(message);
    }

    /**
     * @param structure what lies at the place, for the message
     */
    public MediaErrorException(String structure, MediaErrorException cause) {
        super(structure + ": " + cause.getMessage(), cause);
    }
}
