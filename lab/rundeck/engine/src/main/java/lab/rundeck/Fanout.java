package lab.rundeck;

import com.dtolabs.rundeck.core.execution.ExecutionListener;
import com.dtolabs.rundeck.core.execution.ExecutionListenerOverride;
import com.dtolabs.rundeck.core.execution.FailedNodesListener;
import com.dtolabs.rundeck.core.execution.workflow.WorkflowExecutionListener;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * Replaces the listener of the server. Workflow callbacks go to all listeners (begin… in order, finish… in reverse
 * order), and all other calls to the execution listener.
 */
final class Fanout implements InvocationHandler {
    private final ExecutionListener delegate;
    private final List<WorkflowExecutionListener> listeners;
    private FailedNodesListener failedNodes;

    private Fanout(ExecutionListener delegate, List<WorkflowExecutionListener> listeners) {
        this.delegate = delegate;
        this.listeners = listeners;
    }

    static Object create(ExecutionListener delegate, List<WorkflowExecutionListener> listeners) {
        return Proxy.newProxyInstance(Fanout.class.getClassLoader(),
                new Class<?>[]{ExecutionListenerOverride.class, ExecutionListener.class,
                        WorkflowExecutionListener.class},
                new Fanout(delegate, listeners));
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] args) throws Throwable {
        try {
            return answer(method, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private Object answer(Method method, Object[] args) throws ReflectiveOperationException {
        if (method.getDeclaringClass() == Object.class) {
            return method.invoke(this, args);
        }
        if (method.getDeclaringClass() == WorkflowExecutionListener.class) {
            return tellAll(method, args);
        }
        switch (method.getName()) {
            case "createOverride":
                return create(delegate, listeners);
            case "setFailedNodesListener":
                failedNodes = (FailedNodesListener) args[0];
                return null;
            case "getFailedNodesListener":
                return failedNodes == null ? method.invoke(delegate, args) : failedNodes;
            default:
                return method.invoke(delegate, args);
        }
    }

    private Object tellAll(Method method, Object[] args) throws ReflectiveOperationException {
        boolean reversed = method.getName().startsWith("finish");
        int n = listeners.size();
        for (int i = 0; i < n; i++) {
            method.invoke(listeners.get(reversed ? n - 1 - i : i), args);
        }
        return null;
    }
}
