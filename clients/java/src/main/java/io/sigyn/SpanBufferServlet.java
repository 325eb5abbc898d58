package io.sigyn;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** The endpoint inside an app's servlet container: map it to {@code /debug/spans}. */
public class SpanBufferServlet extends HttpServlet {
  private static final long serialVersionUID = 1;

  private final transient SpanBuffer buffer;

  public SpanBufferServlet(SpanBuffer buffer) {
    this.buffer = buffer;
  }

  @Override
  protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
    Answer answer =
        buffer.answer(request.getMethod(), request.getQueryString(), request.getHeader("accept-encoding"));
    response.setStatus(answer.status());
    answer.headers().forEach(response::setHeader);
    response.getOutputStream().write(answer.body());
  }
}
