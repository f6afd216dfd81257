package prack.worker;

import java.io.IOException;
import java.io.OutputStream;

/** The response to one request. It begins with the first flush, or when 8 KiB of its body were written. */
public interface Response {
    /** 200 to 599; 200 if it is not called. */
    Response status(int status);

    /** A field; a name may be repeated. A character of the value is a byte. */
    Response header(String name, String value);

    /** An interim response, such as 103, with the fields so far, which are not those of the response. */
    void interim(int status) throws IOException;

    /** Where the body goes. Each flush sends it on; PrackException.Ended says that nobody waits. */
    OutputStream body();
}
